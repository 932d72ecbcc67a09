//! 'Did you mean': the known word nearest to one that is not known.

/// Longer words are no slips of the hand, and comparing them costs their square.
const LONGEST_WORD_CHARS: usize = 100;

/// The nearest of `known` that is near enough for a slip: a third of the word's length.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LONGEST_WORD_CHARS {
        return None;
    }
    let most = (length / 3).max(1);
    let word = word.to_lowercase();
    known
        .into_iter()
        .filter(|name| name.chars().count().abs_diff(length) <= most)
        .map(|name| (strsim::osa_distance(&word, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `did you mean 'x'?`, if anything is near.
pub(crate) fn question<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|name| format!("did you mean '{name}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expect: Option<&str>) {
        let known = ["listen", "timeout", "threads", "max_connections"];
        assert_eq!(nearest(word, known), expect, "{word}");
    }

    #[test]
    fn a_slip_is_understood_and_a_stranger_is_not() {
        check("listn", Some("listen"));
        check("Listen", Some("listen"));
        check("max_conections", Some("max_connections"));
        check("tiemout", Some("timeout"));
        check("port", None);
        check("", None);
        check(&"listen".repeat(1000), None);
    }
}
