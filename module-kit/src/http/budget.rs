//! The share of one answer in the memory and the bytes that the host lets a call
//! have: an answer that would take more is refused before it is one.

/// Bytes of an answer that the host does not count as the body's.
const SLACK_BYTES: usize = 1024;

/// The bounds of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The answer itself, in bytes.
    pub answer_bytes_max: usize,
    /// The rows that it is made of, in bytes.
    pub rows_bytes_max: usize,
}

impl Budget {
    /// Within the limits of a call: the largest body of a response, and the memory
    /// of the component. Half of that is for rows: the other half holds what is
    /// read last before it is counted, and the answer.
    pub fn within(response_bytes_max: usize, memory_bytes_max: usize) -> Self {
        Self {
            answer_bytes_max: response_bytes_max
                .saturating_sub(SLACK_BYTES)
                .min(memory_bytes_max / 4),
            rows_bytes_max: memory_bytes_max / 2,
        }
    }
}

impl Default for Budget {
    /// Within the limits that a host has unless it is told otherwise.
    fn default() -> Self {
        Self::within(8 << 20, 64 << 20)
    }
}
