"""Who may use the console: add somebody, change a role, set a new password, remove somebody."""

from typing import Any

from litestar import Request, Response, get, post

from regulars.console.accounts import User, find, hash_in_thread, new_password, users
from regulars.console.rights import ROLES
from regulars.console.visit import Asked, Visit, carry_out, fields, needs, see
from regulars.core.errors import Rejected


@get("/console/users", guards=[needs("users")], sync_to_thread=False)
def users_page(visit: Asked) -> Response[str]:
    """The page."""
    return _page(visit)


@post("/console/users", status_code=200, guards=[needs("users")])
async def add_user(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """Add somebody with a password made here and shown once."""
    name, role, language = fields(await visit.form(request), "name", "role", "language")
    if not name.isprintable() or find(visit.house.services.state, name) is not None:
        return _page(visit, problem="taken", status=422)
    return await _with_new_password(visit, User(name, role, "", language))


@post("/console/users/role", status_code=200, guards=[needs("users")])
async def set_role(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """Give somebody another role; it holds from the next page on."""
    name, role = fields(await visit.form(request), "name", "role")
    user = _known(visit, name)
    if user.role == "admin" and role != "admin" and _admins(visit) <= 1:
        return _page(visit, problem="last", status=422)
    await carry_out(visit, "put_user", {"name": name, "role": role, "language": user.language})
    return see("/console/users")


@post("/console/users/password", status_code=200, guards=[needs("users")])
async def reset_password(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """Set a new password, shown once; every session of the account ends."""
    (name,) = fields(await visit.form(request), "name")
    return await _with_new_password(visit, _known(visit, name))


@post("/console/users/delete", status_code=200, guards=[needs("users")])
async def remove_user(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """Remove somebody; the last administrator stays."""
    (name,) = fields(await visit.form(request), "name")
    user = _known(visit, name)
    if user.role == "admin" and _admins(visit) <= 1:
        return _page(visit, problem="last", status=422)
    await carry_out(visit, "delete_user", {"name": name})
    return see("/console/users")


async def _with_new_password(visit: Visit, user: User) -> Response[Any]:
    password = new_password()
    hashed = await hash_in_thread(password)
    args = {"name": user.name, "role": user.role, "password": hashed, "language": user.language}
    await carry_out(visit, "put_user", args)
    return _page(visit, made=(user.name, password))


def _page(visit: Visit, *, problem: str = "", made: tuple[str, str] | None = None, status: int = 200) -> Response[str]:
    known = users(visit.house.services.state)
    return visit.html("users.html", status=status, active="users", users=known, roles=ROLES, problem=problem, made=made)


def _known(visit: Visit, name: str) -> User:
    user = find(visit.house.services.state, name)
    if user is None:
        raise Rejected(visit.words("users.unknown", name=name), field="name")
    return user


def _admins(visit: Visit) -> int:
    return sum(user.role == "admin" for user in users(visit.house.services.state))


HANDLERS = (users_page, add_user, set_role, reset_password, remove_user)
