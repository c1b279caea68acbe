"""Permanent identities. Never reused, independent of any address."""

from typing import NewType

PortfolioId = NewType("PortfolioId", str)
NodeId = NewType("NodeId", str)
PoolId = NewType("PoolId", str)
SiteId = NewType("SiteId", str)
AssetId = NewType("AssetId", str)
MeterId = NewType("MeterId", str)
LinkId = NewType("LinkId", str)
DeviceId = NewType("DeviceId", str)
TariffId = NewType("TariffId", str)
