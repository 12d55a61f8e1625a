//! How much of what a message may hold.

/// The limits of one message. The defaults suit a queue or an endpoint; a reader of CloudTrail files wants larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body as it came.
    pub body: usize,
    /// Bytes that all compressed parts of a message may inflate to, together.
    pub inflated: usize,
    /// How many times its size a compressed part may inflate to.
    pub ratio: usize,
    /// Objects and lists within each other.
    pub depth: usize,
    /// Signals of one message.
    pub records: usize,
    /// Wrappers around a content.
    pub layers: usize,
    /// Bytes of one signal's detail: what an event may hold.
    pub detail: usize,
    /// Bytes of all details of one message together.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1024 * 1024,
            inflated: 16 * 1024 * 1024,
            ratio: 100,
            // The matcher reads 64, the envelope and the uniform members need some.
            depth: 60,
            records: 10_000,
            layers: 4,
            detail: 1000 * 1024,
            output: 32 * 1024 * 1024,
        }
    }
}
