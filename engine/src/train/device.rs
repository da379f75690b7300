//! Where training computes.

use candle_core::{Device, Result};

/// The first CUDA device where this was built with the feature `cuda` and there is one, else the processor. Weights
/// that a CUDA device trains differ in their last bits from run to run and from those of a processor.
pub(super) fn device() -> Result<Device> {
    Device::cuda_if_available(0)
}
