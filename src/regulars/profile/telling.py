"""Why identifiers are one person, in sentences."""

from collections.abc import Callable, Iterable

import msgspec

from regulars.profile.links import FOREVER
from regulars.profile.reasons import reason_in_words
from regulars.profile.why import Step, Stretch

_TEXTS: dict[str, tuple[str, str]] = {  # (English, German)
    "joined": ("{a} and {b} were named together: {how}.", "{a} und {b} wurden zusammen genannt: {how}."),
    "also": ("{a} and {b} were also named together: {how}.", "{a} und {b} wurden auch zusammen genannt: {how}."),
    "alike": ("{a} and {b} are taken for one person: {how}.", "{a} und {b} gelten als eine Person: {how}."),
    "login": ("{a} used {b}: {how}.", "{a} benutzte {b}: {how}."),
    "hash": ("{a} and {b} are one value, plain and hashed.", "{a} und {b} sind ein Wert, einmal im Klartext."),
    "spelling": (
        "{a} and {b} are one value in two spellings of the rules, known since {time}.",
        "{a} und {b} sind ein Wert in zwei Schreibweisen der Regeln, bekannt seit {time}.",
    ),
    "refused": (
        "{a} and {b} are not one person although they were named together: {how}. {reason}",
        "{a} und {b} gelten nicht als eine Person, obwohl sie zusammen genannt wurden: {how}. {reason}",
    ),
    "refused_alike": (
        "{a} and {b} are not one person although they are alike: {how}. {reason}",
        "{a} und {b} gelten nicht als eine Person, obwohl sie sich gleichen: {how}. {reason}",
    ),
    "withdrawn": (
        "{a} and {b} are no longer linked; they were: {how}. {by} took it back on {back}{why}, {scope}.",
        "{a} und {b} sind nicht mehr verbunden; sie waren es: {how}. {by} nahm es am {back} zurück{why}, {scope}.",
    ),
    "restored": (
        "It was taken back for a while; {by} let it count again on {back}{why}.",
        "Sie war eine Zeit lang zurückgenommen; {by} ließ sie am {back} wieder gelten{why}.",
    ),
    "how": ("{event} on {time}", "{event} am {time}"),
    "how_source": ("{event} from {source} on {time}", "{event} von {source} am {time}"),
    "by_rule": (
        "rule “{event}” on {time}, {score}% sure{note}",
        "Regel „{event}“ am {time}, zu {score} % sicher{note}",
    ),
    "similar": ("likeness of what is known of them", "Ähnlichkeit der Angaben"),
    "for_good": ("for good", "endgültig"),
    "until": ("for what was said before {until}", "für alles, was vor dem {until} gesagt wurde"),
    "discarded": (
        "While they were one, the narrower consent of both held: what needed {purposes} was dropped and stays dropped.",
        "Solange sie eine Person waren, galt die engere Einwilligung: Was {purposes} brauchte, fiel und bleibt weg.",
    ),
    "held": ("{device} was in the hands of {key} {span}.", "{device} war in den Händen von {key} {span}."),
    "from_to": ("from {start} until {end}", "von {start} bis {end}"),
    "from": ("from {start} on", "ab {start}"),
    "to": ("until {end}", "bis {end}"),
    "always": ("all the time", "die ganze Zeit"),
}


#: How a link is told that nobody's event said.
_BY_RULE = {"joined": "alike", "also": "alike", "refused": "refused_alike"}


class Teller(msgspec.Struct, frozen=True):
    """Writes sentences in one language; `when` writes an instant (ms), the others a name of the shop's."""

    language: str
    when: Callable[[int], str]
    event: Callable[[str], str] = str
    purpose: Callable[[str], str] = str
    key: Callable[[str], str] = str  # an identifier as the reader may see it

    def step(self, step: Step, source: str = "", discarded: Iterable[str] = ()) -> str:
        """A link and what became of it."""
        back = step.withdrawal
        by_rule = step.score < 1 or bool(step.note)
        text = self._text(
            _BY_RULE.get(step.status, step.status) if by_rule else step.status,
            a=self.key(step.a),
            b=self.key(step.b),
            how=self._how(step, source),
            time=self.when(step.time),
            reason=reason_in_words(step.reason, self.language) if step.reason else "",
            by=back.by if back else "",
            back=self.when(back.time) if back else "",
            why=f" ({back.reason})" if back and back.reason else "",
            scope=self._scope(back.until) if back else "",
        )
        if step.restored is not None:
            again, why = step.restored, f" ({step.restored.reason})" if step.restored.reason else ""
            text = f"{text} {self._text('restored', by=again.by, back=self.when(again.time), why=why)}"
        purposes = ", ".join(self.purpose(one) for one in discarded)
        return f"{text} {self._text('discarded', purposes=purposes)}" if purposes else text

    def held(self, stretch: Stretch) -> str:
        """Who held a device when."""
        start, end = stretch.start, stretch.end
        name = "from_to" if start is not None and end is not None else "from" if start is not None else "to"
        times = {
            "start": self.when(start) if start is not None else "",
            "end": self.when(end) if end is not None else "",
        }
        span = self._text(name if (start, end) != (None, None) else "always", **times)
        return self._text("held", device=self.key(stretch.device), key=self.key(stretch.key), span=span)

    def _how(self, step: Step, source: str) -> str:
        if not step.event:
            return "?"
        time, note = self.when(step.time), f" ({step.note})" if step.note else ""
        if step.score < 1 or note:
            score = f"{100 * step.score:.4g}".replace(".", "," if self.language == "de" else ".")
            rule = self._text(step.event) if step.event == "similar" else step.event
            return self._text("by_rule", event=rule, time=time, score=score, note=note)
        return self._text("how_source" if source else "how", event=self.event(step.event), time=time, source=source)

    def _scope(self, until: int) -> str:
        return self._text("for_good") if until >= FOREVER else self._text("until", until=self.when(until))

    def _text(self, name: str, **arguments: str) -> str:
        return _TEXTS[name][self.language == "de"].format(**arguments)
