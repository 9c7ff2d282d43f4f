"""Names of people in texts that people wrote, as far as words around them tell: whoever reads a text needs no name.

A name is known by what stands beside it: how somebody is addressed or introduces themselves, how a text is greeted and
signed. Two words without such a sign are a name where both are among the most frequent ones. Brands that are called
like people stay. What is neither is left as it is: a list that knew every name would take most products for people.
"""

import re
from collections.abc import Iterable

NAME = "[name]"
#: One word of a name: Anna, O'Neill, Müller-Lüdenscheidt, McKay; what is written in capitals is mostly a brand.
_WORD = (
    r"(?!(?:Dr|Prof|Dipl|Ing|med)\b)(?:[OD]['\u2019])?[^\W\d_a-zäöüß][a-zà-öø-ÿß](?:[^\W\d_]|['\u2019-](?=[^\W\d_]))*"
)
_ONE = rf"(?:(?:von|van|de|zu|der|den|al|el) ){{0,2}}(?:{_WORD}|[A-ZÄÖÜ]\.)"
_FULL = rf"{_ONE}(?: {_ONE}){{0,2}}"
_WHOM = r"(?:Herrn?|Hr\.|Frau|Fr\.|Fräulein|Mr|Mrs|Ms|Mister|Monsieur|Madame|Signora?)\.?"
_DEGREES = r"(?:(?:Dr|Prof|Dipl|Ing|med)\.?[ -])*"
#: "meine Frau Handschuhe" addresses nobody.
_OF_SOMEBODY = "meine Meine meiner Meiner deine seine ihre Ihre eine Eine einer jede für Für als zur den der dem mein"
_ADDRESSED = re.compile(
    "".join(rf"(?<!\b{word} )" for word in _OF_SOMEBODY.split()) + rf"\b({_WHOM} {_DEGREES})({_ONE}(?: {_ONE})?)"
)
_INTRODUCED = re.compile(
    r"\b((?i:mein name ist|ich hei(?:ß|ss)e|my name is|my name['\u2019]s|hier (?:spricht|schreibt)|"
    rf"je m['\u2019]appelle|mi chiamo|me llamo) (?:{_WHOM} )?{_DEGREES})({_FULL})"
)
_HELLO = (
    r"(?i:hallo|hi|hey|hello|dear|liebe[rs]?|moin|servus|grüezi|guten (?:tag|morgen|abend)|"
    r"good (?:morning|afternoon|evening)|sehr geehrter?)"
)
_GREETED = re.compile(
    rf"(?m)(^[ \t]{{0,4}}(?:(?:\w{{1,20}}|\[name\]): )?{_HELLO}[ ,]+(?:{_WHOM} )?{_DEGREES})"
    rf"({_ONE}(?: {_ONE})?)(?= ?[,!\n])"
)
_GREETINGS = (
    r"(?i:\b(?:viele|liebe|beste|herzliche|freundliche|schöne|sonnige)n? gr(?:ü|ue)(?:ß|ss)en?|\bhochachtungsvoll|"
    r"\b(?:best |kind |warm )?regards|\bsincerely|\byours(?: truly)?|\bbest wishes)(?: aus [^\W\d_]+)?"
)
#: LG is a brand, too: in front of a name only where it ends something.
_SHORT = r"(?:(?<=[.!?),\n])|(?<=[.!?),\n] ))(?i:mfg|lg|vg|glg)"
_SIGNED = re.compile(
    rf"((?:{_GREETINGS}|{_SHORT})[ \t]{{0,4}}[,.!]?[ \t]{{0,4}}(?:\r?\n[ \t]{{0,4}}){{0,2}}"
    rf"(?:(?i:ihre?|eure?|deine?) )?(?:{_WHOM} )?{_DEGREES})({_FULL})(?=[ \t]{{0,4}}[.!]?[ \t]{{0,4}}(?:\r?\n|$))"
)
#: Whom texts address that are no people, and words that begin the next sentence.
_NO_NAMES = frozenset(
    """
    team zusammen leute alle ihr sie sir madam customer customers support service kunde kundin kunden kundinnen damen
    herren herr frau freunde freundin all everyone everybody there folks guys shop regulars kundenservice kundendienst
    proper clean holle muscle bean spex und oder und/oder mann kinder welt tag danke vielen ich wir es das die der the
    thanks thank we i it this mitarbeiter mitarbeiterin verkäufer verkäuferin chef chefin redaktion name
    """.split()  # noqa: SIM905 - words
)
_GIVEN = """
    anna maria michael thomas andreas stefan stephan christian markus martin peter alexander sabine susanne petra
    monika claudia christine katharina julia sarah laura lena lisa hannah leonie mia emma sophie marie johanna
    charlotte lukas leon jonas felix paul maximilian finn elias noah jakob david tobias florian daniel sebastian jan
    dennis patrick philipp benjamin matthias frank jürgen juergen klaus wolfgang hans helmut günter guenter dieter
    manfred uwe ralf bernd heinz gerhard horst werner walter karl ursula renate helga brigitte karin ingrid gisela
    elke birgit heike andrea nicole stefanie stephanie melanie sandra anja kathrin katrin tanja simone silke ulrike
    barbara angelika gabriele cornelia martina silvia sylvia jana jennifer jessica vanessa nadine kerstin antje ute
    heinrich friedrich john james robert william richard joseph charles christopher matthew anthony steven andrew
    joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric jonathan mary
    patricia linda elizabeth susan karen nancy betty margaret ashley kimberly emily donna michelle carol amanda
    melissa deborah rebecca sharon cynthia kathleen amy angela mehmet mustafa ahmed ahmet ali fatma ayse mohammed
    muhammad hassan hussein ivan olga natalia svetlana piotr pawel agnieszka katarzyna jose juan carlos luis giovanni
    giuseppe francesca pierre jean
""".split()  # noqa: SIM905 - words
_FAMILY = """
    müller mueller schmidt schneider fischer weber meyer meier maier mayer wagner becker schulz schulze hoffmann
    hofmann schäfer schaefer koch bauer richter klein wolf schröder schroeder neumann schwarz zimmermann braun krüger
    krueger hartmann lange schmitt werner krause lehmann schmid köhler koehler herrmann hermann könig koenig walter
    huber kaiser fuchs peters lang scholz möller moeller weiß weiss jung hahn vogel friedrich keller günther guenther
    berger winkler roth beck lorenz baumann franke albrecht schuster simon ludwig böhm boehm winter kraus schumacher
    krämer kraemer vogt stein jäger jaeger otto sommer gross groß seidel heinrich brandt haas schreiber graf dietrich
    ziegler kuhn kühn pohl engel horn busch bergmann voigt sauer arnold wolff pfeiffer smith johnson williams brown
    jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson thomas taylor moore jackson
    martin lee thompson white harris clark lewis robinson walker young allen king wright scott torres nguyen hill
    green adams nelson baker hall rivera campbell mitchell carter roberts yilmaz kaya demir sahin kowalski nowak novak
    rossi russo dubois
""".split()  # noqa: SIM905 - words
#: Brands and figures that are called like somebody.
_BRANDS = frozenset(
    """
    paul smith|paul green|gerry weber|peter kaiser|peter hahn|calvin klein|thomas sabo|karl lagerfeld|david beckham
    |ashley brooke|betty barclay|jean paul|james martin|michael jackson|peter jackson|richard wagner|robert koch
    |patrick star|karl may|anna scott|paul walker|george martin|john taylor|michael jordan|emma watson|kevin klein
    |elizabeth taylor|jean klein|sebastian bach
    """.replace("\n", "")
    .replace("    ", "")
    .split("|")
)
#: Names that say how a product is, as well.
_DESCRIBING = frozenset(
    """
    schwarz weiß weiss braun klein lang lange gross groß jung winter sommer white brown green king horn busch wolf
    fuchs hahn vogel stein engel kaiser könig koenig wolff hill hall
    """.split()  # noqa: SIM905 - words
)


def _pairs(family: Iterable[str]) -> re.Pattern[str]:
    given = "|".join(_GIVEN)
    return re.compile(rf"(?i)\b(?:{given})(?:[ -](?:{given}))? (?:{'|'.join(family)})\b")


_FREQUENT = _pairs(_FAMILY)
_FREQUENT_TYPED = _pairs([one for one in _FAMILY if one not in _DESCRIBING])


def without_names(text: str) -> str:
    r"""The text with `[name]` where somebody is named.

    >>> without_names("Hallo Frau Dr. Kowalska, mein Name ist Ana López. Passt der Schuh?")
    'Hallo Frau Dr. [name], mein Name ist [name]. Passt der Schuh?'
    >>> without_names("Viele Grüße aus Bern\nEva"), without_names("Calvin Klein Jeans für meine Frau Eva")
    ('Viele Grüße aus Bern\n[name]', 'Calvin Klein Jeans für meine Frau Eva')
    """
    for pattern in (_GREETED, _ADDRESSED, _INTRODUCED, _SIGNED):
        text = pattern.sub(_named, text)
    return _FREQUENT.sub(_frequent, text)


def without_typed_names(text: str) -> str:
    """The same of what somebody typed into a search, where products stand beside one another without a sentence.

    >>> without_typed_names("geschenk für anna schmidt"), without_typed_names("Kleid Anna Schwarz Frau Mantel")
    ('geschenk für [name]', 'Kleid Anna Schwarz Frau Mantel')
    """
    return _FREQUENT_TYPED.sub(_frequent, _INTRODUCED.sub(_named, text))


def _named(found: re.Match[str]) -> str:
    words = found[2].split(" ")
    kept = 0  # "Mein Name ist Ana Ich habe …": a word that is no name ends it
    while kept < len(words) and not (words[kept].istitle() and words[kept].casefold() in _NO_NAMES):
        kept += 1
    return " ".join([found[1] + NAME, *words[kept:]]) if kept else found[0]


def _frequent(found: re.Match[str]) -> str:
    return found[0] if found[0].casefold() in _BRANDS else NAME
