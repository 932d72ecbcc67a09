//! What is said of a box whatever its verdict: the checklist's words, the reason, the next step.
//!
//! It must never say that a box is proved.

/// One box of the checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// `section.box`.
    pub id: &'static str,
    /// The checklist's sentence, word for word.
    pub sentence: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How to mend it: the next command or setting.
    pub mend: &'static str,
    /// What proves it.
    pub proof: &'static str,
}
