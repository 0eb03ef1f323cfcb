"""Work orders are for a shift."""

from __future__ import annotations

from workorders.features import Choice, Feature

feature = Feature(choices=(Choice("shift", "Shift", ("any", "early", "late"), "any"),))
