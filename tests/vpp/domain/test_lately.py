"""How the unmanaged net has been, from the nets of the sites."""

import numpy as np
import pytest

from vpp.domain.lately import Lately

HOUR_S = 3600.0


def test_what_sites_import_is_more_than_what_the_pool_does() -> None:
    nets_kw = np.array([[3.0, -2.0, 4.0, 4.0], [-1.0, 1.0, 0.0, 2.0]])
    found = Lately.of(nets_kw, 22 * HOUR_S, HOUR_S)
    assert found.largest_kw == 6.0
    assert found.mean_kw == pytest.approx(2.75)
    assert found.moved_kw_per_h == pytest.approx((3.0 + 5.0 + 2.0) / 3)
    assert found.import_kw[[22, 23, 0, 1]].tolist() == [2.0, 0.0, 4.0, 6.0]
    assert found.site_import_kw[[22, 23, 0, 1]].tolist() == [3.0, 1.0, 4.0, 6.0]
    assert found.import_kw[12] == pytest.approx(3.0)


def test_what_is_unknown_of_one_site_counts_for_none() -> None:
    nets_kw = np.array([[1.0, np.nan, 3.0, 5.0], [1.0, 9.0, 1.0, 1.0]])
    found = Lately.of(nets_kw, 0.0, 900.0)
    assert found.largest_kw == 6.0
    assert found.moved_kw_per_h == pytest.approx(2.0 * 4)
    assert found.import_kw[0] == pytest.approx((2.0 + 4.0 + 6.0) / 3)
