"""In-plane registration by elastix [1]_: affine or rigid, on the working grid.

Convention: `moving(T(x)) ~ fixed(x)`. elastix is built on ITK [2]_; its optimiser here is adaptive stochastic
gradient descent [3]_. The parameter map was the best of those tried on real planes with known drift.

References
----------
.. [1] Klein S, Staring M, Murphy K, Viergever MA, Pluim JPW (2010). elastix: a toolbox for intensity-based
   medical image registration. IEEE Transactions on Medical Imaging 29(1), 196-205.
   doi:10.1109/TMI.2009.2035616
.. [2] McCormick M, Liu X, Jomier J, Marion C, Ibanez L (2014). ITK: enabling reproducible research and open
   science. Frontiers in Neuroinformatics 8, 13. doi:10.3389/fninf.2014.00013
.. [3] Klein S, Pluim JPW, Staring M, Viergever MA (2009). Adaptive stochastic gradient descent optimisation
   for image registration. International Journal of Computer Vision 81(3), 227-239.
   doi:10.1007/s11263-008-0197-y
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np

from soct_core.affine import Affine2D, Freedom
from soct_core.arrays import Plane
from soct_core.errors import RegistrationError

Metric = Literal["CC", "MSE", "MI"]
MIN_SIDE_PX = 16
"""Chosen by hand: the coarsest level smooths over so many pixels."""
_SEED = 121212
"""elastix's own default."""
_OUT_OF_MEANS = re.compile("MemoryAllocationError|bad_alloc|ailed to allocate|pthread_create")
"""What ITK says where the machine has no more to give."""
_WHY = re.compile(r"Description: (?:ITK ERROR: )?(?:\w+\(0x\w+\): )?(.+)")
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


def refuse_unregistrable(name: str, image: Plane) -> None:
    """Refuse what elastix cannot take: it would crash, or return garbage.

    Raises
    ------
    RegistrationError
        If the image is too small, constant, or holds values that are not finite.
    """
    if min(image.shape) < MIN_SIDE_PX:
        raise RegistrationError(f"the {name} plane is {image.shape} pixels, wanted {MIN_SIDE_PX} at least")
    if not np.isfinite(image).all():
        raise RegistrationError(f"the {name} plane holds values that are not finite")
    # Mutual information of a constant image crashes the whole process.
    if not float(np.ptp(image)) > 1e-6 * max(1.0, float(np.abs(image).max())):
        raise RegistrationError(f"the {name} plane is constant")


def optimise(
    fixed: Plane, moving: Plane, freedom: Freedom, metric: Metric, steps: int, schedule: tuple[int, ...]
) -> Affine2D:
    """Run elastix from the identity: T with `moving(T(x)) ~ fixed(x)`, in pixels of the planes.

    Parameters
    ----------
    fixed, moving
        (y, x), float32.
    steps
        Of the optimiser, at each level.
    schedule
        Smoothing of each level in pixels, the coarsest first.

    Raises
    ------
    RegistrationError
        If the optimiser fails.
    MemoryError
        If it fails for want of memory.
    OSError
        If it fails, and no temporary directory can be written to ask why.
    """
    try:
        return _optimised(fixed, moving, freedom, _parameter_map(freedom, metric, steps, schedule))
    except RuntimeError:
        # Why it failed, elastix tells its log alone: the same once more, with one.
        with TemporaryDirectory() as folder:
            log = Path(folder) / "elastix.log"
            try:
                return _optimised(
                    fixed, moving, freedom, _parameter_map(freedom, metric, steps, schedule), log
                )
            except RuntimeError as error:
                said = str(error) + (log.read_text(errors="replace") if log.exists() else "")
                if _OUT_OF_MEANS.search(said):
                    # No property of the planes: a result of it would be kept.
                    raise MemoryError("registration by elastix") from error
                why = _WHY.search(said)
                raise RegistrationError(f"elastix failed: {why[1] if why else 'no reason given'}") from error


def _optimised(
    fixed: Plane, moving: Plane, freedom: Freedom, parameters: dict[str, list[str]], log: Path | None = None
) -> Affine2D:
    elastix = load_elastix()
    settings = elastix.parameter_object.New()
    settings.AddParameterMap(parameters)
    method = elastix.method.New()
    method.SetFixedImage(elastix.buffer.GetImageFromArray(np.ascontiguousarray(fixed, np.float32)))
    method.SetMovingImage(elastix.buffer.GetImageFromArray(np.ascontiguousarray(moving, np.float32)))
    method.SetParameterObject(settings)
    method.SetLogToConsole(False)
    method.SetNumberOfThreads(1)
    if log is not None:
        method.SetOutputDirectory(str(log.parent))
        method.SetLogFileName(log.name)
        method.SetLogToFile(True)
    method.UpdateLargestPossibleRegion()
    result = method.GetTransformParameterObject().GetParameterMap(0)
    numbers = [float(value) for value in result["TransformParameters"]]
    center = [float(value) for value in result["CenterOfRotationPoint"]]
    if freedom == "affine":
        return Affine2D.of(numbers[:4], numbers[4:], center)
    return Affine2D.rigid(float(np.rad2deg(numbers[0])), numbers[1:], center)


def _parameter_map(
    freedom: Freedom, metric: Metric, steps: int, schedule: tuple[int, ...]
) -> dict[str, list[str]]:
    """Measured on real planes: automatic scales are needed, samplers on the grid are worse; more samples,
    masks, initial moments and B-spline interpolation gain nothing."""
    return {
        "Registration": ["MultiResolutionRegistration"],
        "FixedInternalImagePixelType": ["float"],
        "MovingInternalImagePixelType": ["float"],
        "FixedImagePyramid": ["FixedSmoothingImagePyramid"],
        "MovingImagePyramid": ["MovingSmoothingImagePyramid"],
        "ImagePyramidSchedule": [str(step) for step in schedule for _ in "xy"],
        "NumberOfResolutions": [str(len(schedule))],
        "Transform": ["AffineTransform" if freedom == "affine" else "EulerTransform"],
        "AutomaticScalesEstimation": ["true"],
        "AutomaticTransformInitialization": ["false"],
        "HowToCombineTransforms": ["Compose"],
        "Metric": [_METRICS[metric]],
        "Optimizer": ["AdaptiveStochasticGradientDescent"],
        "AutomaticParameterEstimation": ["true"],
        "MaximumNumberOfIterations": [str(max(1, steps))],
        "ImageSampler": ["RandomCoordinate"],
        "NumberOfSpatialSamples": ["2048"],
        "NewSamplesEveryIteration": ["true"],
        "RandomSeed": [str(_SEED)],
        "Interpolator": ["LinearInterpolator"],
        "ResampleInterpolator": ["FinalLinearInterpolator"],
        "Resampler": ["DefaultResampler"],
        "WriteResultImage": ["false"],
    }
