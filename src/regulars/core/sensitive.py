"""Sensitive inferences: words by which a trait, a segment or a category tells of health, faith and the like.

The kinds are those of article 9 of the GDPR. Whole words count, in German and English, also as the first part of a
compound. Words that are mostly harmless in a shop (race, christian, krebs) are left out: a shop adds its own.
"""

import re
from functools import lru_cache

from regulars.core.definitions import Sensitive
from regulars.core.disguise import undisguised

#: Grows with the words: what records hold is built anew.
EDITION = 6
_MOST_KNOWN = 100_000  # texts of which it is remembered
_HEAD = 3  # letters with which listed words begin
_KINDS = {
    "health": "diabet* insulin* blutzucker* hiv aids krebserkrank* krebspatient* onkolog* cancer tumor* chemotherap* "
    "depression* antidepress* burnout psychiatr* psychisch* mental_health disabled disabilit* behinderung* "
    "schwerbehindert* inkontinenz* incontinence krankheit* erkrank* illness* disease* impoten* potenzmittel* viagra "
    "erectile suchtkrank* alkoholiker* alcoholic* alcoholism allergi* allergen*",
    "pregnancy": "pregnan* schwanger* maternity umstandsmode umstandskleid* mother_to_be fertility infertil* "
    "kinderwunsch* ovulation* eisprung* contracepti* verhütung* abortion* geburtsvorbereit*",
    "faith": "religi* muslim* islam* jewish jüdisch* judaism catholic* katholi* protestant* evangelisch* church "
    "churches kirche* mosque* moschee* synagog* kosher koscher* halal ramadan konfession* faith gebetsteppich* koran "
    "quran torah buddhis* hindu* atheis* kommunion* "
    "glaubens*",
    "sexual orientation": "gay lesbian* lesbisch* schwul* homosexu* bisexu* queer lgbt* transgender* "
    "sexual_orientation sexuelle_orientierung sexualität*",
    "ethnic origin": "ethni* racial migrationshintergrund* hautfarbe*",
    "political opinion": "politi* parteimitglied* parteizugehör* wahlverhalten voting_behavio*",
    "union membership": "gewerkschaft* trade_union* labor_union* labour_union* union_member* betriebsrat*",
}
#: In the name of a trait or segment these tell of a person's health; as a department ("Health & Beauty") they do not.
_NAMING = (
    "health gesundheit* gesundheits* medical* medicine* medication* medizin* medikament* arznei* apotheke* blutgruppe* "
    "blood_type blood_group krankenkasse* krankenversicher* pflegegrad* impf* vaccin* bmi"
)
#: And these of faith: "glaube" in a text is mostly "I think".
_NAMING_FAITH = "glaube"
_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
#: What somebody types into a search tells of their own health by these, too; as a product they are plain goods.
_TYPED = (
    "schmerzmittel* painkiller* ibuprofen* paracetamol* aspirin* antibioti* schlaftablette* sleeping_pill* "
    "abführmittel* laxative* pille_danach morning_after_pill* blutdruck* blood_pressure hämorrhoid* hemorrhoid* "
    "haemorrhoid* fußpilz* nagelpilz* scheidenpilz* herpes* chlamydi* nikotinersatz* rollator* hörgerät* hearing_aid* "
    "wechseljahr* menopaus* migräne* migraine* neurodermitis psoriasis* schuppenflechte* asthma* adhs adhd"
)
#: A shorter word in pieces has nothing after it but such an ending: "is lamp" is no faith, "is lam" is.
_LEAST_IN_PIECES = 6
_ENDINGS = r"(?:i?sch\w{0,2}|i?c|ism\w{0,2}|ist\w{0,3}|s)?"
#: After the listed beginning of a word in pieces, at most so many letters: "aller Generationen" tells of no allergy.
_MOST_AFTER = 6
#: Words side by side that are no word in pieces: a size, a country behind a town, the end of one and the next sentence.
_SIDE_BY_SIDE = re.compile(
    r"\b(?:first aid s|isla m|i slam|hin du|chur ch|im poten[tz]ial\w*|aller gi\w+|kor an|a ids|ga y|hi v neck)\b"
)
#: Whose pieces are harmless words that stand side by side in a shop.
_IN_PIECES_HARMLESS = frozenset("kinderwunsch hautfarbe burnout".split())  # noqa: SIM905 - words
_DEPARTMENT = re.compile(
    r"\b(health|gesundheit\w*) (and |und )?(beauty|care|personal care|wellness|schönheit|pflege|körperpflege)\b"
)
_NEVER = re.compile(r"(?!)")
_SEPARATORS = re.compile(r"[\W_]+")
_HUMPS = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])")


def _spelt(words: str) -> str:
    """The words, and those with umlauts as keyboards and systems without them write them."""
    return " ".join(dict.fromkeys([*words.split(), *words.translate(_ASCII).split()]))


_BUILT_IN = {kind: _spelt(words) for kind, words in _KINDS.items()}


class Detector:
    """Finds sensitive words of a shop.

    >>> Detector().category("Baby > Schwangerschaft"), Detector().category("Health & Beauty")
    ('pregnancy', '')
    >>> Detector().name("healthScore"), Detector().name("health_beauty_30d")
    ('health', '')
    """

    def __init__(self, own: Sensitive | None = None) -> None:
        shop = own or Sensitive()
        kinds = {**_BUILT_IN, "what the shop lists": " ".join(_word(word) for word in shop.words)}
        self._kinds = [(kind, _pattern(words), _in_pieces(words)) for kind, words in kinds.items() if words]
        self._naming, self._naming_in_pieces = _pattern(_NAMING), _in_pieces(_NAMING)
        self._naming_faith = _pattern(_NAMING_FAITH)
        self._typed = _pattern(_spelt(_TYPED))
        self._categories = tuple(_plain(category) for category in shop.categories)
        #: What is looked for in pieces.
        self._stems = tuple({stem for words in (*kinds.values(), _NAMING) for stem, _ in _stems(words)})
        self._known: dict[str, bool] = {}
        self._known_names: dict[str, bool] = {}
        self._known_typed: dict[str, str] = {}
        first = [_plain(form.rstrip("*")).partition(" ")[0] for form in " ".join(kinds.values()).split()]
        first += [category.partition(" ")[0] for category in self._categories]
        #: How the first word of everything listed begins; a text without any of it needs no search.
        heads = frozenset(word[:_HEAD] for word in first)
        self._begins = None if any(len(head) < _HEAD for head in heads) else heads.isdisjoint

    def category(self, text: str) -> str:
        """The kind of what a category path or a value tells of; "" when of nothing sensitive."""
        return next((found for one in (text, *undisguised(text)) if (found := self._kind(one))), "")

    def _kind(self, text: str) -> str:
        plain = _plain(text)
        apart = self._may_be_in_pieces(plain)
        pieces = _SIDE_BY_SIDE.sub(".", plain) if apart else ""
        for kind, pattern, in_pieces in self._kinds:
            if pattern.search(plain) or (apart and in_pieces.search(pieces)):
                return kind
        listed = any(plain == own or plain.startswith(own + " ") for own in self._categories)
        return "what the shop lists" if listed else ""

    def unwanted(self, text: str) -> bool:
        """Whether `category` finds something: the same values come again and again, so answers are remembered."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            readings = (text, *undisguised(text))
            found = self._known[text] = any(self._may_tell(one) and bool(self._kind(one)) for one in readings)
        return found

    def _may_tell(self, text: str) -> bool:
        """Whether something listed may begin in a text, in one piece or in several."""
        low = text.casefold()
        if self._may_begin(low):
            return True
        joined = _SEPARATORS.sub("", low)
        return joined != low and self._may_begin(joined) and self._may_be_in_pieces(_plain(text))

    def _may_begin(self, low: str) -> bool:
        return self._begins is None or not self._begins([low[at : at + _HEAD] for at in range(len(low) - 2)])

    def _may_be_in_pieces(self, plain: str) -> bool:
        """Whether a plain text with blanks holds something listed once the blanks are left out."""
        if " " not in plain:
            return False
        joined = plain.replace(" ", "")
        return any(stem in joined for stem in self._stems)

    def unwanted_name(self, text: str) -> bool:
        """Whether `name` finds something."""
        found = self._known_names.get(text)
        if found is None:
            if len(self._known_names) >= _MOST_KNOWN:
                self._known_names.clear()
            found = self._known_names[text] = bool(self.name(text))
        return found

    def name(self, text: str) -> str:
        """The same of a name or a title, which say more."""
        found = self.category(text)
        if found:
            return found
        readings = [_plain(one) for one in (text, *undisguised(text))]
        if any(self._naming_faith.search(one) for one in readings):
            return "faith"
        left = [_DEPARTMENT.sub(" ", one) for one in readings]
        return "health" if any(self._naming.search(one) or self._naming_in_pieces.search(one) for one in left) else ""

    def typed(self, text: str) -> str:
        """The same of what somebody typed into a search: medicines and complaints tell of health there.

        >>> Detector().typed("Ibuprofen 400"), Detector().typed("shoes for diabetics"), Detector().typed("red shoes")
        ('health', 'health', '')
        """
        found = self._known_typed.get(text)
        if found is None:
            if len(self._known_typed) >= _MOST_KNOWN:
                self._known_typed.clear()
            readings = (_plain(one) for one in (text, *undisguised(text)))
            found = self.name(text) or ("health" if any(self._typed.search(one) for one in readings) else "")
            self._known_typed[text] = found
        return found


@lru_cache(maxsize=16)
def detector(own: Sensitive) -> Detector:
    """The detector of a shop's words."""
    return Detector(own)


def _plain(text: str) -> str:
    return _SEPARATORS.sub(" ", _HUMPS.sub(" ", text)).strip().casefold()


def _word(text: str) -> str:
    return "_".join(_plain(text).split()) + ("*" if text.endswith("*") else "")


def _pattern(words: str) -> re.Pattern[str]:
    listed = sorted(words.split())
    forms = [re.escape(_plain(word.rstrip("*"))) + (r"\w*" if word.endswith("*") else "") for word in listed]
    return re.compile(rf"\b(?:{'|'.join(forms)})\b")


def _stems(words: str) -> list[tuple[str, bool]]:
    """The words that may come in pieces, and whether other letters may follow."""
    forms = [(_plain(word.rstrip("*")), word.endswith("*")) for word in sorted(words.split())]
    return [(stem, more) for stem, more in forms if " " not in stem and stem not in _IN_PIECES_HARMLESS]


def _in_pieces(words: str) -> re.Pattern[str]:
    """The words with blanks between their letters, wherever somebody parted one."""
    forms = []
    for stem, more in _stems(words):
        # Not in one piece, which `_pattern` looks for: somewhere among the letters is a blank.
        after = rf"\w{{0,{_MOST_AFTER}}}" if more else ""
        if len(stem) < _LEAST_IN_PIECES:
            after = _ENDINGS if more else ""
        forms.append(rf"(?!{re.escape(stem)})" + " ?".join(map(re.escape, stem)) + after)
    return re.compile(rf"\b(?:{'|'.join(forms)})\b") if forms else _NEVER
