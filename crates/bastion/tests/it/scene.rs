//! The noun `Scene`: a gateway before an upstream with a caller's key, and what must hold there
//! after something bad has happened.
//!
//! It must never mend what a test broke: a good call is only sent, never tried again.

use crate::bastion::{Bastion, CONFIG, Key, UPSTREAM_KEY};
use crate::client::{Answer, Client};
use crate::upstream::Upstream;

/// Stands in every prompt that a test sends; it must show up in no answer and in no log.
pub(crate) const PROMPT: &str = "the-secret-prompt-4711";

/// Where chat is asked.
pub(crate) const CHAT: &str = "/v1/chat/completions";

/// A gateway, its upstream and one key of `dev`.
pub(crate) struct Scene {
    pub(crate) upstream: Upstream,
    pub(crate) bastion: Bastion,
    pub(crate) key: Key,
}

impl Scene {
    /// With the configuration that tests begin with.
    pub(crate) fn set() -> Scene {
        Scene::with(|config| config)
    }

    /// With a changed one.
    pub(crate) fn with(change: impl FnOnce(String) -> String) -> Scene {
        let upstream = Upstream::start();
        let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", upstream.address));
        let bastion = Bastion::with(&change(config));
        let key = bastion.key("dev", &[]);
        Scene { upstream, bastion, key }
    }

    /// A caller with the scene's key.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.bastion.callers, &self.key)
    }

    /// A good chat request, its prompt included.
    pub(crate) fn good_body() -> String {
        format!(r#"{{"model":"gpt-oss-20b","messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#)
    }

    /// A chat request's head with the scene's key and these header lines, the blank line included.
    pub(crate) fn head(&self, lines: &str) -> String {
        let (address, key) = (self.bastion.callers, &self.key.text);
        format!(
            "POST {CHAT} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n{lines}\r\n"
        )
    }

    /// A good request as bytes.
    pub(crate) fn good_request(&self) -> String {
        let body = Scene::good_body();
        self.head(&format!("content-length: {}\r\n", body.len())) + &body
    }

    /// Checks that an answer is this refusal and repeats nothing that is nobody's business.
    pub(crate) fn refused(&self, answer: &Answer, status: u16, code: &str) {
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{}", answer.text());
        self.tells_nothing(&format!("{:?} {}", answer.headers, answer.text()));
    }

    /// Checks that a text holds neither a key nor a prompt.
    pub(crate) fn tells_nothing(&self, text: &str) {
        for secret in [&self.key.text, UPSTREAM_KEY, PROMPT, &self.bastion.token()] {
            assert!(!text.contains(secret), "{secret} in: {text}");
        }
    }

    /// Checks that the upstream got nothing so far, that a good call passes now, and that the log
    /// is silent about keys and prompts.
    pub(crate) async fn goes_on(&self) {
        assert_eq!(self.upstream.log.entries().len(), 0, "{:#?}", self.upstream.log.entries());
        self.goes_on_after(0).await;
    }

    /// The same, after so many calls that the upstream was meant to get.
    pub(crate) async fn goes_on_after(&self, good: usize) {
        let answer = self.client().chat(&Scene::good_body()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let calls = self.upstream.log.entries();
        assert_eq!(calls.len(), good + 1, "the upstream got more than the good calls: {calls:#?}");
        self.tells_nothing(&self.bastion.log.text());
    }
}
