"""Technical and organisational measures in words, by code, with the figures that the configuration gives."""

MEASURES = {
    "de": {
        "consent_gates": "Einwilligung wird an {n} Stellen geprüft: bei der Erhebung, beim Rechnen und Ablegen, beim "
        "Entscheiden und vor dem Senden. Ohne Aussage gilt: nein.",
        "public_keys": "{n} öffentliche Schlüssel von Browsern dürfen nur senden und für den eigenen Browser fragen; "
        "was sie über Personen behaupten, gilt als ungeprüft.",
        "roles": "{n} Rollen in der Konsole; wer Kennungen nicht sehen darf, sieht sie gekürzt. Kennwörter stehen"
        " nur als Prüfsumme.",
        "access_log": "Jeder Blick auf eine Person steht im Zugriffsprotokoll, das niemand ändern kann.",
        "erasure": "Löschung geht durch Protokoll, Zustand, Lager, Ausfuhren und zurückgespielte Sicherungen, und "
        "eine Suche in den rohen und entschlüsselten Dateien belegt sie.",
        "sensitive": "Rückschlüsse auf Gesundheit, Schwangerschaft, Glauben und Ähnliches werden abgelehnt; eigene "
        "Einträge des Ladens: {n}.",
        "server_keys": "{n} Schlüssel von Servern; gespeichert ist nur ihre Prüfsumme (SHA-256).",
        "origins": "{n} von {of} Browserquellen nehmen nur Seiten des Ladens an.",
        "tokens": "{n} von {of} Browserquellen prüfen Anmeldungen an einer Unterschrift des Ladens.",
        "shared": "{n} gemeinsam benutzte Geräte verbinden niemanden.",
        "partners": "{n} Quellen von Partnern: ihre Ereignisse dienen allein dem Zweck dieses Partners.",
        "double_opt_in": "{n} von {of} Zwecken gelten erst nach Bestätigung über einen unterschriebenen Link.",
        "inactive": "Profile, von denen {n} Tage nichts zu hören ist, werden gelöscht.",
    },
    "en": {
        "consent_gates": "Consent is checked in {n} places: when collecting, when computing and storing, when "
        "deciding, and before sending. No statement means no.",
        "public_keys": "{n} public keys of browsers may only send, and ask for their own browser; what they claim about"
        " persons counts as unverified.",
        "roles": "{n} roles in the console; who may not see identifiers sees them cut short. Passwords are kept "
        "as hashes only.",
        "access_log": "Every look at a person stands in an access log that nobody can change.",
        "erasure": "Erasure goes through log, state, lake, exports and backups that are put back, and a search of "
        "the files, raw and decoded, proves it.",
        "sensitive": "Inferences about health, pregnancy, faith and the like are refused; entries of the shop's own: "
        "{n}.",
        "server_keys": "{n} keys of servers; only their SHA-256 is kept.",
        "origins": "{n} of {of} browser sources accept pages of the shop only.",
        "tokens": "{n} of {of} browser sources verify logins by a signature of the shop.",
        "shared": "{n} devices that many use link nobody.",
        "partners": "{n} sources of partners: their events are for that partner's purpose alone.",
        "double_opt_in": "{n} of {of} purposes count only once a signed link has confirmed them.",
        "inactive": "Profiles of whom nothing is heard for {n} days are erased.",
    },
}
