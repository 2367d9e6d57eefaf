"""Reports, labels and what sets them in type, as the settings want them."""

from __future__ import annotations

from admin.acceptance.profiles import read_profiles
from admin.labels.labels import Labels
from admin.labels.routes import Beginnings, label_routes
from admin.reports.making import Ground
from admin.reports.reports import Reports
from admin.typesetting import Typesetter
from admin.uploads.profiles import read_upload_profiles
from admin.uploads.uploads import Clock
from node.child import utc_now
from node.config import Settings
from node.database import Pool
from node.identifier import Prefix
from node.routes import Route
from node.sealing import Seal


def reports_of(settings: Settings, pool: Pool, seal: Seal, clock: Clock = utc_now) -> Reports:
    """Reports of this node. Raises ``ProfilesUnreadable``, ``UploadProfilesUnreadable``."""
    ground = Ground(
        profiles=read_profiles(settings.acceptance.profiles),
        default_profile=settings.acceptance.profile,
        masks=read_upload_profiles(settings.authority.profiles),
        default_masks=settings.authority.profile,
        pseudonym=seal.digest,
        name=settings.node.name,
        prefix=Prefix.parse(settings.node.prefix),
    )
    return Reports(pool, clock, ground)


def labels_of(settings: Settings, pool: Pool, typesetter: Typesetter, clock: Clock = utc_now) -> list[Route]:
    """The routes of labels."""
    beginnings = Beginnings(settings.labels.address, settings.labels.digital_link)
    return label_routes(Labels(pool, clock, typesetter), beginnings)


def typesetter_of(settings: Settings) -> Typesetter:
    """What sets reports and sheets of labels in type."""
    return Typesetter(settings.typesetting.fonts, settings.typesetting.seconds)
