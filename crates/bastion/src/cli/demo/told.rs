//! What the demo says when it is ready: where to call, what, and with which key.
//!
//! It must never show a line to paste that does not work.

use std::net::SocketAddr;

/// Where the demo is and what it lets in.
pub(super) struct Told<'a> {
    pub(super) callers: SocketAddr,
    pub(super) operators: SocketAddr,
    pub(super) key: &'a str,
    pub(super) token: &'a str,
}

impl Told<'_> {
    fn base_url(&self) -> String {
        format!("http://{}/v1", self.callers)
    }

    /// For programs, in one line.
    pub(super) fn json(&self) -> String {
        let told = serde_json::json!({
            "base_url": self.base_url(),
            "api_key": self.key,
            "console_url": null,
            "operator_token": self.token,
        });
        told.to_string()
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Told { callers, operators, key, token } = self;
        let base_url = self.base_url();
        format!(
            "\
Bastion is running with a simulated upstream: its answers are made up and say so.

  base URL   {base_url}
  API key    {key}

A first call:

curl {base_url}/chat/completions -H 'authorization: Bearer {key}' -H 'content-type: application/json' -d '{{\"model\":\"gpt-oss-20b\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'

The same, streamed:

curl -N {base_url}/chat/completions -H 'authorization: Bearer {key}' -H 'content-type: application/json' -d '{{\"model\":\"gpt-oss-20b\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'

What it did:

curl http://{operators}/admin/v1/calls -H 'authorization: Bearer {token}'
curl http://{operators}/metrics

All that can be called at http://{callers}:

{ENDPOINTS}
Nothing is kept when it ends. Ctrl-C drains; 'bastion init' begins a deployment of your own."
        )
    }
}

const ENDPOINTS: &str = "\
  GET  /v1/models                  the models of all of these
  POST /v1/chat/completions        gpt-oss-20b, Qwen3-32B and ten more
  POST /v1/completions             the same
  POST /v1/responses               gpt-oss-20b, Qwen3-32B and seven more; nothing is stored
  POST /v1/embeddings              bge-m3, Qwen3-Embedding-8B, bge-multilingual-gemma2
  POST /v1/images/generations      stable-diffusion-xl-base-v10
  POST /v1/audio/transcriptions    whisper-large-v3, whisper-large-v3-turbo; a form with a file
  POST /api/v1/tts/text_to_audio   language_code en-US, de-DE, es-ES or it-IT; answers a WAV
";

#[cfg(test)]
mod tests {
    use bastion_wire::Endpoint;

    use super::*;

    #[test]
    fn every_endpoint_is_told() {
        for endpoint in Endpoint::ALL {
            assert!(ENDPOINTS.contains(&format!(" {} ", endpoint.path_at("/v1"))), "{endpoint:?}");
        }
    }
}
