//! The models: the public catalogue of the contract and those that the options add.
//!
//! It must never list a model that the endpoint of its kind would not know.

/// What a model is for. Source: contract, Models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Chat and completions.
    Chat,
    /// Chat, completions and responses.
    ChatAndResponses,
    /// With so many dimensions.
    Embeddings(usize),
    Image,
    Transcription,
    Speech,
}

const PUBLIC: [(&str, Kind); 22] = [
    ("gpt-oss-120b", Kind::ChatAndResponses),
    ("gpt-oss-20b", Kind::ChatAndResponses),
    ("Llama-3.1-8B-Instruct", Kind::ChatAndResponses),
    ("Meta-Llama-3_3-70B-Instruct", Kind::ChatAndResponses),
    ("Qwen3-32B", Kind::ChatAndResponses),
    ("Mistral-7B-Instruct-v0.3", Kind::Chat),
    ("Mistral-Small-3.2-24B-Instruct-2506", Kind::ChatAndResponses),
    ("Mistral-Nemo-Instruct-2407", Kind::ChatAndResponses),
    ("Qwen3-Coder-30B-A3B-Instruct", Kind::ChatAndResponses),
    ("Qwen2.5-VL-72B-Instruct", Kind::ChatAndResponses),
    ("Qwen3Guard-Gen-8B", Kind::Chat),
    ("Qwen3Guard-Gen-0.6B", Kind::Chat),
    ("bge-m3", Kind::Embeddings(1024)),
    ("Qwen3-Embedding-8B", Kind::Embeddings(4096)),
    ("bge-multilingual-gemma2", Kind::Embeddings(3584)),
    ("stable-diffusion-xl-base-v10", Kind::Image),
    ("whisper-large-v3", Kind::Transcription),
    ("whisper-large-v3-turbo", Kind::Transcription),
    ("tts-en-us", Kind::Speech),
    ("tts-de-de", Kind::Speech),
    ("tts-es-es", Kind::Speech),
    ("tts-it-it", Kind::Speech),
];

/// What the models of kind speech speak, and the one language that the documentation shows
/// besides. Source: contract, Endpoints.
const LANGUAGES: [&str; 5] = ["en-US", "de-DE", "es-ES", "it-IT", "fr-CA"];

/// Models of this family think before they answer.
const REASONING_PREFIX: &str = "gpt-oss-";

pub(crate) struct Catalogue {
    more: Vec<String>,
}

impl Catalogue {
    /// The public models, then `more` as models for chat, completions and responses; a name that is
    /// public stays what it is.
    pub(crate) fn with(mut more: Vec<String>) -> Catalogue {
        more.retain(|name| PUBLIC.iter().all(|(public, _)| public != name));
        Catalogue { more }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        PUBLIC.iter().map(|(name, _)| *name).chain(self.more.iter().map(String::as_str))
    }

    pub(crate) fn knows(&self, model: &str) -> bool {
        self.kind(model).is_some()
    }

    pub(crate) fn chats(&self, model: &str) -> bool {
        matches!(self.kind(model), Some(Kind::Chat | Kind::ChatAndResponses))
    }

    pub(crate) fn responds(&self, model: &str) -> bool {
        self.kind(model) == Some(Kind::ChatAndResponses)
    }

    /// Of an embedding of this model.
    pub(crate) fn dimensions(&self, model: &str) -> Option<usize> {
        let Kind::Embeddings(dimensions) = self.kind(model)? else { return None };
        Some(dimensions)
    }

    pub(crate) fn draws(&self, model: &str) -> bool {
        self.kind(model) == Some(Kind::Image)
    }

    pub(crate) fn transcribes(&self, model: &str) -> bool {
        self.kind(model) == Some(Kind::Transcription)
    }

    fn kind(&self, model: &str) -> Option<Kind> {
        let public = PUBLIC.iter().find(|(name, _)| *name == model).map(|(_, kind)| *kind);
        let more = || self.more.iter().any(|name| name == model).then_some(Kind::ChatAndResponses);
        public.or_else(more)
    }
}

pub(crate) fn reasons(model: &str) -> bool {
    model.starts_with(REASONING_PREFIX)
}

/// Does a model speak this language?
pub(crate) fn speaks(language: &str) -> bool {
    LANGUAGES.iter().any(|known| known.eq_ignore_ascii_case(language))
}
