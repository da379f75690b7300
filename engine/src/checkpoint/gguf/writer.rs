//! GGUF files for tests.

/// Writes what a test wants, right or wrong.
#[derive(Clone)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn new(tensors: u64, keys: u64) -> Self {
        Self(b"GGUF".to_vec()).u32(3).u64(tensors).u64(keys)
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self = self.u64(text.len() as u64);
        self.0.extend(text.as_bytes());
        self
    }

    pub(crate) fn key_u32(self, key: &str, value: u32) -> Self {
        self.text(key).u32(4).u32(value)
    }

    pub(crate) fn key_f32(self, key: &str, value: f32) -> Self {
        self.text(key).u32(6).u32(value.to_bits())
    }

    pub(crate) fn key_flag(self, key: &str, value: bool) -> Self {
        let mut all = self.text(key).u32(7);
        all.0.push(value.into());
        all
    }

    pub(crate) fn key_text(self, key: &str, value: &str) -> Self {
        self.text(key).u32(8).text(value)
    }

    pub(crate) fn key_texts(self, key: &str, values: &[&str]) -> Self {
        let head = self.text(key).u32(9).u32(8).u64(values.len() as u64);
        values.iter().fold(head, |all, value| all.text(value))
    }

    pub(crate) fn tensor(self, name: &str, axes: &[u64], code: u32, offset: u64) -> Self {
        let head = self.text(name).u32(u32::try_from(axes.len()).unwrap());
        axes.iter().fold(head, |all, axis| all.u64(*axis)).u32(code).u64(offset)
    }

    pub(crate) fn data(mut self, bytes: usize) -> Self {
        let start = self.0.len().next_multiple_of(32);
        self.0.resize(start + bytes, 7);
        self
    }

    /// Weights after the header or after other weights, on a multiple of 32.
    pub(crate) fn weights(mut self, bytes: &[u8]) -> Self {
        self.0.resize(self.0.len().next_multiple_of(32), 0);
        self.0.extend(bytes);
        self
    }
}
