//! Says which checkpoint this was without reading all of it: 10 GB take as long as 10 MB.

use sha2::{Digest as _, Sha256};

use crate::checkpoint::hex;

/// Pieces of the weights of one file that are read.
const SAMPLES: usize = 64;

/// Bytes of one piece: a page, the least that a disk reads anyway.
const SAMPLE_BYTES: usize = 4096;

/// Collects what defines a checkpoint. Every part is preceded by its length, so that no two sequences of parts are the same bytes.
#[derive(Default)]
pub(in crate::checkpoint) struct Fingerprint(Sha256);

impl Fingerprint {
    /// All bytes of a part.
    pub(in crate::checkpoint) fn whole(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The length of a part and pieces of it, the first and the last among them; all of it where it is short.
    pub(in crate::checkpoint) fn sampled(&mut self, bytes: &[u8]) {
        if bytes.len() <= SAMPLES * SAMPLE_BYTES {
            return self.whole(bytes);
        }
        self.0.update((bytes.len() as u64).to_le_bytes());
        // A step between starts; the last piece ends with the part. Division first: no product can overflow.
        let step = (bytes.len() - SAMPLE_BYTES) / (SAMPLES - 1);
        for sample in 0..SAMPLES {
            let last = bytes.len() - SAMPLE_BYTES;
            let start = if sample == SAMPLES - 1 { last } else { step * sample };
            self.0.update(bytes.get(start..start + SAMPLE_BYTES).unwrap_or_default());
        }
    }

    /// Two letters a byte.
    pub(in crate::checkpoint) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}
