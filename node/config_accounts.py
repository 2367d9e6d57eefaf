"""The settings of who may come in: passwords, second factors, sessions of the console."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from node.config_fields import Group


class AccountsSettings(Group):
    policy: Literal["dengbao", "nist"] = Field("dengbao", description="what passwords have to be like")
    password_days: int = Field(90, ge=0, le=3650, description="life of a password under dengbao; 0: no end")
    second_factor: Literal["offered", "staff"] = Field(
        "offered", description="for whoever wants one, or demanded of the node's staff"
    )
    idle_minutes: float = Field(30, gt=0, le=720, description="how long a session of the console lasts unused")
    sign_ins_per_minute: float = Field(
        60, gt=0, le=6000, description="sign-ins by password for one network (/24, /56) and worker"
    )
