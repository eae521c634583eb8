"""Requests about users: parse, call, respond."""

from functools import partial

from msgspec import UNSET
from starlette.requests import Request

from service.kit.auth import IssuerOptions, LoginThrottle, passwords
from service.kit.db import Database
from service.kit.offload import Offload
from service.kit.web import NEEDS_TOKEN, OPTIONAL_TOKEN, PUBLIC, InvalidField, Problem, Rate, Routes, invalid, not_found
from service.users import queries
from service.users.model import ChangedUser, Login, NewUser, ProfileReply, Stored, User, UserReply
from service.viewer import Member, Viewer

CONSTRAINTS = {
    "users_username_key": partial(invalid, "username", "has already been taken"),
    "users_email_key": partial(invalid, "email", "has already been taken"),
    "follows_follower_fkey": partial(not_found, "Your user"),
    "follows_followed_fkey": partial(not_found, "The user"),
}

REFUSED = "No user has this e-mail address and this password."

SIGN_UPS = Rate(100, per=60)
"""Of each address, in each worker: a hash takes 20 ms of a core."""

routes = Routes("/api", tags=["users"])


@routes.post("/users", summary="Sign up", access=PUBLIC, limit=SIGN_UPS, status=201)
async def create_user(db: Database, offload: Offload, issuer: IssuerOptions, data: NewUser) -> UserReply:
    """Store a new user, who is signed in at once."""
    password_hash = await passwords.hash_password(offload, data.user.password)
    user = await db.fetch_one(queries.create_user, data.user.username, data.user.email, password_hash)
    return show(user, issuer)


@routes.post("/users/login", summary="Sign in", access=PUBLIC, status=200)
async def log_in(
    request: Request, db: Database, offload: Offload, throttle: LoginThrottle, issuer: IssuerOptions, data: Login
) -> UserReply:
    """Return the user who has this e-mail address and this password."""
    user = await db.find(queries.find_user, data.user.email)
    attempt = await throttle.count_attempt(request.scope, data.user.email)
    stored = user.password_hash if user else None
    if not await passwords.is_correct(offload, data.user.password, stored) or user is None:
        raise Problem(401, "wrong-credentials", REFUSED, InvalidField("email or password", "is invalid"))
    await attempt.forgive()
    return show(user, issuer)


@routes.get("/user", summary="Read your user", access=NEEDS_TOKEN)
async def read_user(db: Database, member: Member, issuer: IssuerOptions) -> UserReply:
    """Return the user of the token."""
    return show(await read_member(db, member), issuer)


@routes.put("/user", summary="Change your user", access=NEEDS_TOKEN)
async def change_user(
    db: Database, offload: Offload, member: Member, issuer: IssuerOptions, data: ChangedUser
) -> UserReply:
    """Change the given fields of the user of the token."""
    user = await read_member(db, member)
    given = data.user
    password_hash = user.password_hash
    if given.password is not UNSET:
        password_hash = await passwords.hash_password(offload, given.password)
    changed = await db.find(
        queries.change_user,
        user.id,
        user.username if given.username is UNSET else given.username,
        user.email if given.email is UNSET else given.email,
        password_hash,
        user.bio if given.bio is UNSET else given.bio,
        user.image if given.image is UNSET else given.image,
    )
    if changed is None:
        raise refuse_token()
    return show(changed, issuer)


@routes.get("/profiles/{username}", summary="Read a profile", access=OPTIONAL_TOKEN)
async def read_profile(db: Database, viewer: Viewer, username: str) -> ProfileReply:
    """Return a user as others see it. Whether it is followed depends on who asks."""
    profile = await db.find(queries.read_profile, username, viewer.id)
    if profile is None:
        raise not_found(f"The profile {username}")
    return ProfileReply(profile)


@routes.post("/profiles/{username}/follow", summary="Follow a user", access=NEEDS_TOKEN, status=200)
async def follow(db: Database, member: Member, viewer: Viewer, username: str) -> ProfileReply:
    """Follow a user, whose articles are then in the feed. Twice is as good as once."""
    await db.find(queries.follow, username, member.id)
    return await read_profile(db, viewer, username)


@routes.delete("/profiles/{username}/follow", summary="Unfollow a user", access=NEEDS_TOKEN, status=200)
async def unfollow(db: Database, member: Member, viewer: Viewer, username: str) -> ProfileReply:
    """Follow a user no longer."""
    await db.find(queries.unfollow, username, member.id)
    return await read_profile(db, viewer, username)


async def read_member(db: Database, member: Member) -> Stored:
    """Return the user of a token, who may be gone since it was signed."""
    user = await db.find(queries.read_user, member.id)
    if user is None:
        raise refuse_token()
    return user


def refuse_token() -> Problem:
    return Problem(401, "unauthenticated", "token: its user does not exist")


def show(user: Stored, issuer: IssuerOptions) -> UserReply:
    """Return a user as it sees itself, with a new token."""
    token = issuer.sign(str(user.id))
    return UserReply(User(user.email, token, user.username, user.bio, user.image))
