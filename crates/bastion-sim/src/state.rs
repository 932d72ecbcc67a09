//! What all requests to one simulated upstream share.
//!
//! It must never hold a lock while it waits.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::account::Account;
use crate::house::House;
use crate::script::{Playing, ScriptedAnswer};
use crate::{Script, SimLog, SimOptions};

pub(crate) struct State {
    pub(crate) house: House,
    pub(crate) account: Account,
    pub(crate) log: SimLog,
    playing: Mutex<Option<Playing>>,
}

impl State {
    pub(crate) fn new(options: SimOptions) -> State {
        State {
            account: Account::new(&options.keys, options.rate_per_minute, options.balance_tokens),
            log: SimLog::new(),
            playing: Mutex::new(options.script.clone().map(Playing::new)),
            house: House::new(options),
        }
    }

    pub(crate) fn set_script(&self, script: Option<Script>) {
        *self.playing.lock() = script.map(Playing::new);
    }

    /// The script's answer to this request, if it has one; counts the request.
    pub(crate) fn scripted(
        &self,
        endpoint: Option<&str>,
        path: &str,
        model: Option<&str>,
    ) -> Option<Arc<ScriptedAnswer>> {
        self.playing.lock().as_mut().and_then(|playing| playing.next(endpoint, path, model))
    }
}
