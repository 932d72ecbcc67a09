//! The models: the public catalogue of the contract and those that the options add.
//!
//! It must never list a model that the endpoint of its kind would not know.

/// What a model is for. Source: contract, Models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat,
    Embeddings,
    Image,
    Transcription,
    Speech,
}

const PUBLIC: [(&str, Kind); 22] = [
    ("gpt-oss-120b", Kind::Chat),
    ("gpt-oss-20b", Kind::Chat),
    ("Llama-3.1-8B-Instruct", Kind::Chat),
    ("Meta-Llama-3_3-70B-Instruct", Kind::Chat),
    ("Qwen3-32B", Kind::Chat),
    ("Mistral-7B-Instruct-v0.3", Kind::Chat),
    ("Mistral-Small-3.2-24B-Instruct-2506", Kind::Chat),
    ("Mistral-Nemo-Instruct-2407", Kind::Chat),
    ("Qwen3-Coder-30B-A3B-Instruct", Kind::Chat),
    ("Qwen2.5-VL-72B-Instruct", Kind::Chat),
    ("Qwen3Guard-Gen-8B", Kind::Chat),
    ("Qwen3Guard-Gen-0.6B", Kind::Chat),
    ("bge-m3", Kind::Embeddings),
    ("Qwen3-Embedding-8B", Kind::Embeddings),
    ("bge-multilingual-gemma2", Kind::Embeddings),
    ("stable-diffusion-xl-base-v10", Kind::Image),
    ("whisper-large-v3", Kind::Transcription),
    ("whisper-large-v3-turbo", Kind::Transcription),
    ("tts-en-us", Kind::Speech),
    ("tts-de-de", Kind::Speech),
    ("tts-es-es", Kind::Speech),
    ("tts-it-it", Kind::Speech),
];

/// Models of this family think before they answer.
const REASONING_PREFIX: &str = "gpt-oss-";

pub(crate) struct Catalogue {
    more: Vec<String>,
}

impl Catalogue {
    /// The public models, then `more` as chat models; a name that is public stays what it is.
    pub(crate) fn with(mut more: Vec<String>) -> Catalogue {
        more.retain(|name| PUBLIC.iter().all(|(public, _)| public != name));
        Catalogue { more }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        PUBLIC.iter().map(|(name, _)| *name).chain(self.more.iter().map(String::as_str))
    }

    pub(crate) fn knows(&self, model: &str) -> bool {
        self.names().any(|name| name == model)
    }

    pub(crate) fn chats(&self, model: &str) -> bool {
        PUBLIC.iter().any(|(name, kind)| *name == model && *kind == Kind::Chat)
            || self.more.iter().any(|name| name == model)
    }
}

pub(crate) fn reasons(model: &str) -> bool {
    model.starts_with(REASONING_PREFIX)
}
