"""Parts of a node from which more than one of its processes and commands is put together, by the settings."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import structlog

from admin.uploads.profiles import UploadProfile, find_upload_profile, read_upload_profiles
from admin.uploads.sending import Authority
from admin.uploads.uploads import Clock, Uploads
from node.child import utc_now
from node.config import Settings
from node.database import Pool
from node.identifier import Prefix
from node.national.signature import KeyPair
from node.rate_limit import RateLimit
from node.sealing import Seal
from registry.accounts.accounts import Accounts
from registry.accounts.password_policy import DENGBAO, NIST
from registry.accounts.passwords import Passwords
from registry.accounts.rules import AccountRules

log = structlog.get_logger("serve")

_SOURCES = 10_000
"""Networks whose sign-ins are counted, each by itself."""


def accounts_of(settings: Settings, pool: Pool, clock: Clock, hashing: Passwords, seal: Seal) -> Accounts:
    """Accounts under the rules of the settings."""
    asked = settings.accounts
    place = (settings.node.name, *settings.node.name.split(), settings.node.prefix)
    if asked.policy == "nist":
        policy = replace(NIST, context=place)
    else:
        life = timedelta(days=asked.password_days) if asked.password_days else None
        policy = replace(DENGBAO, life=life, context=place)
    per_minute = asked.sign_ins_per_minute
    return Accounts(
        pool, clock, hashing, timedelta(hours=settings.registry.token_hours), seal=seal,
        digest_login=settings.snms.digest_login,
        rules=AccountRules(
            policy, asked.second_factor == "staff", timedelta(minutes=asked.idle_minutes), settings.node.name
        ),
        sign_ins=RateLimit(
            per_minute=per_minute, burst=math.ceil(per_minute), most_sources=_SOURCES, clock=time.monotonic
        ),
    )  # fmt: skip


def check_uploads(settings: Settings) -> Mapping[str, UploadProfile]:
    """The upload profiles, the one of the settings among them, with a key pair where uploads go anywhere.

    Raises ``UploadProfilesUnreadable``, ``UploadProfileUnknown``, ``KeyPairInvalid``.
    """
    profiles = read_upload_profiles(settings.authority.profiles)
    find_upload_profile(profiles, settings.authority.profile)
    authority_of(settings)
    return profiles


def uploads_of(settings: Settings, pool: Pool, seal: Seal, clock: Clock = utc_now) -> Uploads:
    """Uploads to the city authority. Raises what ``check_uploads`` raises."""
    asked = settings.authority
    return Uploads(
        pool,
        clock,
        check_uploads(settings),
        seal.digest,
        name=settings.node.name,
        prefix=Prefix.parse(settings.node.prefix),
        profile=asked.profile,
        every=asked.every,
        hour=asked.hour,
    )


def authority_of(settings: Settings) -> Authority | None:
    """Where uploads go, if anywhere. Raises ``KeyPairInvalid``."""
    asked = settings.authority
    if asked.url is None:
        return None
    return Authority(asked.url, KeyPair(asked.access_key, asked.secret_key), utc_now, asked.ca_file)
