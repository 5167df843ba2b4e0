"""What each gate of zmorph is: its order, its settings, its reason and its words.

The one home of these facts: judgement, report, terminal, methods text and docs/gates.md are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from schemas.diagnostics import FallbackReason, GateCheck, GateName

BOUNDARY_SHARE = 0.75
"""Share of the likeness of other planes to their slice that the planes at the gap must reach. By hand: of
gaps worth filling, in eight kinds of noise, all but a few in a hundred keep more."""


@dataclass(frozen=True)
class Gate:
    """What is asked, in which words, and what follows when it fails."""

    title: str
    reason: FallbackReason
    settings: tuple[str, ...]
    """Names of the settings behind the limit; none where the limit is fixed."""
    sense: Literal["at least", "at most", "more than"]
    why: str
    methods: str = ""
    """Clause of the methods text, with `{limit}`; empty where the text leaves the gate out."""
    neutral: float = 0.0
    """The value of a pair that needs no registration."""

    def holds(self, value: float, limit: float) -> bool:
        """Whether a value passes."""
        if self.sense == "at most":
            return value <= limit
        return value > limit if self.sense == "more than" else value >= limit


_LIKE = "min_overlap_correlation"
GATES: dict[GateName, Gate] = {
    "tissue": Gate(
        "Tissue of the boundary planes",
        "no_foreground_planes",
        ("min_foreground_fraction",),
        "at least",
        "Otsu's split of the smoothed plane counts only if its classes lie further apart than the noise of "
        "a pixel, so flat agarose has no tissue",
    ),
    "overlap_ncc": Gate(
        "NCC of the boundary planes",
        "low_overlap_ncc",
        (_LIKE,),
        "at least",
        "worth registering at all? Taken after a coarse rigid motion and on planes smoothed by 2 % of their "
        "side, so that neither drift nor speckle, which registration undoes, hides it",
        "the boundary planes correlated by {limit:g} or more",
    ),
    "optimiser": Gate(
        "Registration",
        "registration_exception",
        (),
        "at least",
        "constant planes, noise and planes below 16 px are refused before elastix sees them: it would "
        "crash or return garbage",
    ),
    "determinant": Gate(
        "Determinant of the affine",
        "affine_determinant_non_positive",
        (),
        "more than",
        "a cut does not mirror",
        neutral=1.0,
    ),
    "rotation": Gate(
        "Rotation, degrees",
        "implausible_affine",
        ("max_rotation_deg",),
        "at most",
        "what a cut cannot do",
        "the affine turned by at most {limit:g}°",
    ),
    "scale": Gate(
        "Stretch", "implausible_affine", ("max_scale",), "at most", "what a cut cannot do", neutral=1.0
    ),
    "shear": Gate(
        "Shear",
        "implausible_affine",
        ("max_shear",),
        "at most",
        "what a cut cannot do; foreign planes are often bent into likeness by shear",
    ),
    "shift": Gate(
        "Shift of the tissue, share of the plane",
        "implausible_affine",
        ("max_shift_fraction",),
        "at most",
        "what a cut cannot do",
    ),
    "gain": Gate(
        "NCC gain by registration",
        "reg_did_not_improve",
        ("min_ncc_improvement",),
        "at least",
        "moving tissue must make it more alike. All of the setting is asked up to an NCC of 0.5; above, in "
        "proportion to what is left to gain, or 1 in 14 gaps worth filling would be refused",
        "registration raised the normalised cross-correlation over tissue (NCC) by {limit:g} (in proportion "
        "less from above 0.5; what moved by less than {aligned:g} px was left in place unless it gained "
        "twice as much)",
    ),
    "aligned_gain": Gate(
        "NCC gain, aligned already",
        "reg_did_not_improve",
        (),
        "at least",
        "asked instead of the gain where tissue moves less than `aligned_displacement_px`: the NCC must not "
        "fall",
    ),
    "aligned_ncc": Gate(
        "NCC of the slabs, aligned already",
        "reg_did_not_improve",
        (_LIKE,),
        "at least",
        "asked with it: planes that are aligned already must be alike",
    ),
    "tissue_overlap": Gate(
        "Tissue in both slabs",
        "low_tissue_overlap",
        ("min_tissue_overlap",),
        "at least",
        "a plane half out of view can look perfect in the other half",
        "both slabs shared {limit:.0%} of their tissue",
    ),
    "mirror": Gate(
        "Fit beside that of the mirror image",
        "mirrored_neighbour",
        ("max_mirror_margin",),
        "at least",
        "the mirror image of one side, registered on its own, must not fit clearly better than the side",
        "no mirror image of one side fitted better by more than {limit:g} in Fisher's transform of the NCC",
    ),
    "neighbours": Gate(
        "Evidence of neighbours, log odds",
        "low_post_ncc",
        ("min_neighbour_odds",),
        "at least",
        "how much more alike the slabs are than mirror images and than planes further off in the same "
        "slices, whether there and back agree, and how much tissue both show: what an NCC means depends on "
        "the tissue and its noise, what these mean does not",
        "log odds of {limit:g} or more spoke for neighbours (mirror images, planes further off, there and "
        "back, tissue in common)",
    ),
    "post_ncc": Gate(
        "NCC of the slabs, registered",
        "low_post_ncc",
        ("min_post_correlation",),
        "at least",
        "mirrored, turned and distant planes stay below, gaps worth filling above",
        "the registered slabs reached an NCC of {limit:g}",
    ),
    "boundary_tissue": Gate(
        "Tissue of the planes at the gap",
        "no_foreground_planes",
        ("min_foreground_fraction",),
        "at least",
        "the planes that are judged may lie a few planes off the gap; a torn plane at the gap itself must "
        "not pass on their merit",
    ),
    "boundary_overlap": Gate(
        "Tissue in both planes at the gap",
        "low_tissue_overlap",
        ("min_tissue_overlap",),
        "at least",
        "the same",
    ),
    "boundary_ncc": Gate(
        "Likeness of the planes at the gap to their own slices",
        "low_post_ncc",
        (),
        "at least",
        "NCC of the plane at the gap with the planes behind it, as a share of the best that the other planes "
        "have: a torn, blank or foreign plane at the gap must not pass on the merit of its slice. In slices "
        "of one or two planes: NCC across the gap, as a share of that of the slabs",
    ),
}
"""All gates, in the order in which they are asked."""


@dataclass
class Asked:
    """The gates that were asked so far, and the first that failed."""

    checks: list[GateCheck] = field(default_factory=list)
    reason: FallbackReason | None = None
    detail: str = ""

    def ask(self, name: GateName, value: float, limit: float, said: str) -> bool:
        """Ask a gate; `said` is the detail if it fails. Says whether all gates passed so far."""
        passed = GATES[name].holds(value, limit)
        self.checks.append(GateCheck(gate=name, value=value, limit=limit, passed=passed))
        if not passed:
            self._fail(GATES[name].reason, said)
        return self.reason is None

    def give_up(self, said: str) -> None:
        """Registration raised, or returned no transform."""
        self.checks.append(GateCheck(gate="optimiser", passed=False))
        self._fail("registration_exception", said)

    def _fail(self, reason: FallbackReason, said: str) -> None:
        if self.reason is None:
            self.reason, self.detail = reason, said
        elif reason == self.reason == "implausible_affine":
            self.detail += f"; {said}"
