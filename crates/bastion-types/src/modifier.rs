//! Fields of requests that change what a call costs at some upstreams, beside its tokens.
//!
//! It must never name a field that changes nothing but the number of tokens: those are counted.

/// A field by which a request asks for something that its model's price may not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Modifier {
    /// A queue with another price.
    ServiceTier,
    /// Tools that run at the upstream: each use costs, and what they find is read as input.
    Tools,
    /// A search in the web, likewise.
    WebSearchOptions,
    /// Answers in other than text, which have tokens of another price.
    Modalities,
    /// A predicted answer: what of it is wrong costs as output beside the limit.
    Prediction,
    /// Other models, one of which may answer.
    Models,
    /// Parts that the upstream puts before or behind the model.
    Plugins,
    /// Who is to compute behind the upstream.
    Provider,
    /// A stored set of all of these.
    Preset,
    /// A search in the web, as Qwen's hosts name it.
    EnableSearch,
    /// A search in the web, as xAI names it.
    SearchParameters,
}

impl Modifier {
    /// All of them.
    pub const ALL: [Modifier; 11] = [
        Modifier::ServiceTier,
        Modifier::Tools,
        Modifier::WebSearchOptions,
        Modifier::Modalities,
        Modifier::Prediction,
        Modifier::Models,
        Modifier::Plugins,
        Modifier::Provider,
        Modifier::Preset,
        Modifier::EnableSearch,
        Modifier::SearchParameters,
    ];

    /// The fields' names, in the same order.
    pub const NAMES: [&'static str; 11] = [
        Modifier::ServiceTier.name(),
        Modifier::Tools.name(),
        Modifier::WebSearchOptions.name(),
        Modifier::Modalities.name(),
        Modifier::Prediction.name(),
        Modifier::Models.name(),
        Modifier::Plugins.name(),
        Modifier::Provider.name(),
        Modifier::Preset.name(),
        Modifier::EnableSearch.name(),
        Modifier::SearchParameters.name(),
    ];

    /// The field's name in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Modifier::ServiceTier => "service_tier",
            Modifier::Tools => "tools",
            Modifier::WebSearchOptions => "web_search_options",
            Modifier::Modalities => "modalities",
            Modifier::Prediction => "prediction",
            Modifier::Models => "models",
            Modifier::Plugins => "plugins",
            Modifier::Provider => "provider",
            Modifier::Preset => "preset",
            Modifier::EnableSearch => "enable_search",
            Modifier::SearchParameters => "search_parameters",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        assert_eq!(Modifier::ALL.map(Modifier::name), Modifier::NAMES);
    }
}
