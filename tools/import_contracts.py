"""Two kinds of import contract: the packages that a module may use at all, and those that it never reaches.

import-linter's own `forbidden` lists what must not be imported and fails for a source that does not exist yet. Here
`only` lists what may be imported, so that a new dependency has to be argued for, and a source that does not exist yet
is passed over, so that the contract can be written before the package.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """The sources import nothing from outside their own project but what is allowed.

    - `sources`: packages of the project, with everything below them.
    - `allowed`: packages from outside the standard library that they may import.
    - `forbidden_standard`: modules of the standard library that they may not import.
    - `except_in`: packages below a source that the contract leaves free.
    """

    type_name = "only"

    sources = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField())
    forbidden_standard = fields.ListField(subfield=fields.StringField(), required=False)
    except_in = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - the signature is import-linter's
        """Report every direct import from outside that is not allowed."""
        permitted = set(_names(self.allowed))
        standard = sys.stdlib_module_names - set(_names(self.forbidden_standard))
        free = [package for name in _names(self.except_in) for package in _within(graph, name)]
        broken = [
            _described(graph, module, imported)
            for source in _names(self.sources)
            for module in _within(graph, source)
            if module not in free
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if _root(imported) not in {_root(source), *permitted, *standard}
        ]
        output.verbose_print(verbose, f"Allowed from outside: {', '.join(sorted(permitted))}.")
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line for each import."""
        _render(cast("list[str]", check.metadata["broken"]))
        allowed = ", ".join(_names(self.allowed))
        output.print(f"Allowed here: {allowed} and the standard library without what `forbidden_standard` names.")


class NeverContract(Contract):
    """The sources reach none of the forbidden packages, on whatever way.

    - `sources`: packages of the project, with everything below them.
    - `forbidden`: packages of the project, or whole packages from outside.
    - `direct`: look at direct imports only.
    """

    type_name = "never"

    sources = fields.ListField(subfield=fields.StringField())
    forbidden = fields.ListField(subfield=fields.StringField())
    direct = fields.BooleanField(required=False, default=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - the signature is import-linter's
        """Report the shortest chain from each source to each forbidden package."""
        direct_only = cast("bool", self.direct)
        pairs = [
            (source, forbidden)
            for source in _names(self.sources)
            for forbidden in _names(self.forbidden)
            if source in graph.modules and forbidden in graph.modules
        ]
        output.verbose_print(verbose, f"{len(pairs)} pairs of packages exist.")
        chains = {
            chain
            for source, forbidden in pairs
            for chain in graph.find_shortest_chains(importer=source, imported=forbidden, as_packages=True)
            if len(chain) == 2 or not direct_only
        }
        broken = [" -> ".join([_described(graph, chain[0], chain[1]), *chain[2:]]) for chain in sorted(chains)]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line for each chain."""
        _render(cast("list[str]", check.metadata["broken"]))


def _names(field: object) -> Sequence[str]:
    """Return what import-linter put into a list field, which holds None where the option is absent."""
    return cast("Sequence[str]", field or ())


def _within(graph: ImportGraph, package: str) -> list[str]:
    """Return the package and all modules below it, or nothing where it does not exist yet."""
    return sorted({package, *graph.find_descendants(package)}) if package in graph.modules else []


def _root(module: str) -> str:
    return module.partition(".")[0]


def _described(graph: ImportGraph, importer: str, imported: str) -> str:
    lines = sorted({detail["line_number"] for detail in graph.get_import_details(importer=importer, imported=imported)})
    return f"{importer} -> {imported} (line {', '.join(map(str, lines))})"


def _render(broken: Iterable[str]) -> None:
    for line in broken:
        output.print_error(f"- {line}", bold=False)
    output.new_line()
