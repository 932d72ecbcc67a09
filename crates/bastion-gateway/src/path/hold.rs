//! The hold: the money that a call may cost, set aside before it is sent.
//!
//! Money is not built yet: no cap and no balance exist, so nothing is set aside and nothing is
//! refused here. The stage and its type stand, because everything behind them asks for a hold.

use super::screen::{Screened, Turned};

/// A call that may be sent; what follows must end in `settle`.
#[must_use = "a hold that is not settled is never given back"]
pub(crate) struct Hold {
    /// The call as it will be sent.
    pub(super) screened: Screened,
    /// How much text is sent, in bytes.
    pub(super) text_bytes: u64,
}

impl Hold {
    /// No attempt will be made any more: a held stream need not hold its prompt.
    pub(super) fn forget_body(&mut self) {
        self.screened.payload.forget();
    }
}

/// Sets nothing aside, until there is money.
#[expect(clippy::unnecessary_wraps, reason = "402 and 429 come with the money; the type stands")]
pub(super) fn hold(screened: Screened) -> Result<Hold, Turned> {
    Ok(Hold { text_bytes: screened.payload.text_bytes, screened })
}
