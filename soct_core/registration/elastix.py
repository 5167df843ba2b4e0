"""In-plane registration by elastix: affine or rigid, on the working grid.

Source: Klein et al. 2010, IEEE TMI 29(1), 196-205. Convention: `moving(T(x)) ~ fixed(x)`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from soct_core.affine import Affine2D, plane_center
from soct_core.arrays import Plane
from soct_core.errors import RegistrationError
from soct_core.planes.warp import warp
from soct_core.registration.phase_correlation import coarse_shift
from soct_core.registration.working_plane import RegistrationPlane

Freedom = Literal["affine", "rigid"]
Metric = Literal["CC", "MSE", "MI"]
SCHEDULE = (16, 8, 4, 2)
MIN_SIDE_PX = 16
_SEED = 121212
_METRICS = {
    "CC": "AdvancedNormalizedCorrelation",
    "MSE": "AdvancedMeanSquares",
    "MI": "AdvancedMattesMutualInformation",
}


class _Elastix(NamedTuple):
    parameter_object: Any
    method: Any
    buffer: Any


@cache
def load_elastix() -> _Elastix:
    """The three classes that are needed, without the thousand that `import itk` would load."""
    try:
        from itk.elxParameterObjectPython import elastixParameterObject
        from itk.itkElastixRegistrationMethodPython import itkElastixRegistrationMethodIF2IF2
        from itk.itkPyBufferPython import itkPyBufferIF2
    except ImportError:
        import itk

        image = itk.Image[itk.F, 2]
        return _Elastix(itk.ParameterObject, itk.ElastixRegistrationMethod[image, image], itk.PyBuffer[image])
    return _Elastix(elastixParameterObject, itkElastixRegistrationMethodIF2IF2, itkPyBufferIF2)


def register(
    fixed: RegistrationPlane,
    moving: RegistrationPlane,
    freedom: Freedom,
    metric: Metric = "CC",
    max_iterations: int = 1000,
) -> Affine2D:
    """Find T with `moving(T(x)) ~ fixed(x)`, in pixels of the slice, about the plane's centre.

    Starts from the coarse shift. Deterministic: the same planes give the same bits.

    Raises
    ------
    RegistrationError
        If a plane is too small or constant, or the optimiser fails or diverges.
    """
    for name, plane in (("fixed", fixed), ("moving", moving)):
        _refuse_unregistrable(name, plane.image)
    start = coarse_shift(fixed, moving)
    shifted = moving.image if start == Affine2D.identity() else warp(moving.image, start, fixed.shape)
    rest = _run(fixed.image, shifted, freedom, metric, max_iterations)
    found = start.compose(rest).about(plane_center(fixed.shape)).scaled(fixed.factor)
    if not found.is_finite():
        raise RegistrationError("elastix returned a transform that is not finite")
    return found


def _refuse_unregistrable(name: str, image: Plane) -> None:
    if min(image.shape) < MIN_SIDE_PX:
        raise RegistrationError(f"the {name} plane is {image.shape} pixels, wanted {MIN_SIDE_PX} at least")
    if not np.isfinite(image).all():
        raise RegistrationError(f"the {name} plane holds values that are not finite")
    # Mutual information of a constant image crashes the whole process.
    if not float(np.ptp(image)) > 1e-6 * max(1.0, float(np.abs(image).max())):
        raise RegistrationError(f"the {name} plane is constant")


def _run(fixed: Plane, moving: Plane, freedom: Freedom, metric: Metric, max_iterations: int) -> Affine2D:
    elastix = load_elastix()
    parameters = elastix.parameter_object.New()
    parameters.AddParameterMap(_parameter_map(freedom, metric, max_iterations))
    method = elastix.method.New()
    method.SetFixedImage(elastix.buffer.GetImageFromArray(np.ascontiguousarray(fixed, np.float32)))
    method.SetMovingImage(elastix.buffer.GetImageFromArray(np.ascontiguousarray(moving, np.float32)))
    method.SetParameterObject(parameters)
    method.SetLogToConsole(False)
    method.SetNumberOfThreads(1)
    try:
        method.UpdateLargestPossibleRegion()
        result = method.GetTransformParameterObject().GetParameterMap(0)
    except RuntimeError as error:
        raise RegistrationError("elastix failed: too few samples stayed inside the planes") from error
    numbers = [float(value) for value in result["TransformParameters"]]
    center = [float(value) for value in result["CenterOfRotationPoint"]]
    if freedom == "affine":
        return Affine2D.of(numbers[:4], numbers[4:], center)
    return Affine2D.rigid(float(np.rad2deg(numbers[0])), numbers[1:], center)


def _parameter_map(freedom: Freedom, metric: Metric, max_iterations: int) -> dict[str, list[str]]:
    levels = len(SCHEDULE)
    return {
        "Registration": ["MultiResolutionRegistration"],
        "FixedInternalImagePixelType": ["float"],
        "MovingInternalImagePixelType": ["float"],
        "FixedImagePyramid": ["FixedSmoothingImagePyramid"],
        "MovingImagePyramid": ["MovingSmoothingImagePyramid"],
        "ImagePyramidSchedule": [str(step) for step in SCHEDULE for _ in "xy"],
        "NumberOfResolutions": [str(levels)],
        "Transform": ["AffineTransform" if freedom == "affine" else "EulerTransform"],
        "AutomaticScalesEstimation": ["true"],
        "AutomaticTransformInitialization": ["false"],
        "HowToCombineTransforms": ["Compose"],
        "Metric": [_METRICS[metric]],
        "Optimizer": ["AdaptiveStochasticGradientDescent"],
        "AutomaticParameterEstimation": ["true"],
        "MaximumNumberOfIterations": [str(max(1, max_iterations // levels))],
        "ImageSampler": ["RandomCoordinate"],
        "NumberOfSpatialSamples": ["2048"],
        "NewSamplesEveryIteration": ["true"],
        "RandomSeed": [str(_SEED)],
        "Interpolator": ["LinearInterpolator"],
        "ResampleInterpolator": ["FinalLinearInterpolator"],
        "Resampler": ["DefaultResampler"],
        "WriteResultImage": ["false"],
    }
