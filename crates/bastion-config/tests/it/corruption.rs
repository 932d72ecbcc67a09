//! Whatever is done to a file, the error names the line, and nothing panics.

use std::fmt::Write;

use bastion_config::{CODES, DEFAULT_TOML, INIT_TOML, RenderStyle, load};

use super::{FULL, read, sources};

/// The lines of the full file with one replaced.
fn replaced(at: usize, line: &str) -> String {
    let mut text = String::new();
    for (number, original) in FULL.lines().enumerate() {
        writeln!(text, "{}", if number == at { line } else { original }).unwrap();
    }
    text
}

/// An error on the line, or one that says what is missing.
fn check(at: usize, line: &str) {
    let text = replaced(at, line);
    let Err(report) = read(&text) else {
        panic!("line {} loads as {line:?}", at + 1);
    };
    assert!(
        report.diagnostics.iter().any(|finding| finding.line == Some(at + 1)
            || (finding.code == "duplicate" && finding.line == Some(at + 2))
            || finding.code == "missing_key"
            || finding.code.starts_with("unknown_")),
        "line {} as {line:?}:\n{report}",
        at + 1
    );
    for finding in &report.diagnostics {
        assert!(CODES.iter().any(|(code, _)| *code == finding.code), "{}", finding.code);
        assert!(!finding.message.ends_with('.'), "{}", finding.message);
    }
}

#[test]
fn a_line_that_is_spoilt_is_named() {
    assert!(read(FULL).is_ok());
    for (at, line) in FULL.lines().enumerate() {
        if let Some((key, value)) = line.split_once(" = ") {
            check(at, &format!("{key}x = {value}"));
            check(at, &format!("{key} = 1979-05-27"));
            check(at, &format!("{key} = "));
            check(at, &format!("{key} = {{ nonsense = true }}"));
            check(at, &format!("{key} = [[]]"));
            check(at, &format!("{key} = {value}\n{key} = {value}"));
            check(at, key);
        } else {
            check(at, &format!("{line}]"));
            check(at, &line.replace(']', ""));
            check(at, "[nonsense]");
            check(at, &line.replacen('[', "[nonsense.", 1));
        }
    }
}

#[test]
fn a_value_of_another_type_is_named() {
    for (at, line) in FULL.lines().enumerate() {
        let Some((key, value)) = line.split_once(" = ") else {
            continue;
        };
        for wrong in ["3.5", "-1", "\"\"", "true", "[1]", "{}"] {
            // An environment may forbid nothing; a plain flag may be set.
            let right = wrong == value || (wrong == "true" && matches!(value, "true" | "false"));
            // Tables whose parts all have defaults may be empty.
            if !(right || (wrong == "{}" && matches!(key, "timeout" | "breaker"))) {
                check(at, &format!("{key} = {wrong}"));
            }
        }
    }
}

#[test]
fn every_error_of_a_file_is_told_in_one_run() {
    let mut text = String::new();
    for line in FULL.lines() {
        match line.split_once(" = ") {
            Some((key, _)) => writeln!(text, "{key} = 1979-05-27").unwrap(),
            None => writeln!(text, "{line}").unwrap(),
        }
    }
    let report = read(&text).unwrap_err();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| line.contains('=')) {
        assert!(
            report.diagnostics.iter().any(|finding| finding.line == Some(at + 1)),
            "line {}: {line}\n{report}",
            at + 1
        );
    }
}

#[test]
fn errors_beside_a_syntax_error_are_told_too() {
    let text = FULL.replace("threads = 2", "threads = ").replace("9001", "nine");
    let report = read(&text).unwrap_err();
    let lines: Vec<_> = report.diagnostics.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [Some(8), Some(13)], "{report}");
}

#[test]
fn a_flood_of_findings_is_cut_and_counted() {
    let mut text = String::new();
    for number in 0..150 {
        writeln!(text, "[upstreams.u{number}]\nx = 1").unwrap();
    }
    let report = read(&text).unwrap_err();
    assert_eq!(report.diagnostics.len(), 100);
    assert_eq!(report.omitted, 150 * 3 + 2 - 100);
    assert!(report.to_string().ends_with("and 352 more; mend these first\n"));
    let report = read(&format!("{}\n[", text.replace("x = 1", ""))).unwrap_err();
    assert_eq!(report.diagnostics.len(), 1, "only what is not TOML:\n{report}");
}

#[test]
fn a_hostile_file_is_read_in_time() {
    const LENGTH_BYTES: usize = 30_000;
    for seed in
        ["[", "{", "\"", "sk-", "a=", "://", "a://b@", "qbt_aaaa", ".", "#", "a\n", "é ", "[[a]]\n"]
    {
        let text = seed.repeat(LENGTH_BYTES / seed.len());
        assert!(read(&text).is_err());
        assert!(read(&format!("api_key = '{text}'\n")).is_err());
    }
}

#[test]
fn a_thousand_random_changes_of_bytes_never_panic() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for (text, times) in [(INIT_TOML, 1000), (DEFAULT_TOML, 200), (FULL, 200)] {
        for _ in 0..times {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=random.below(3) {
                random.change(&mut bytes);
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Err(report) = read(&text) {
                assert!(!report.is_empty(), "an error says what is wrong:\n{text}");
                assert!(!report.render(RenderStyle::Plain).is_empty());
                assert!(!report.render(RenderStyle::Colored).is_empty());
            }
        }
    }
}

#[test]
fn a_thousand_random_variables_never_panic() {
    let mut random = Random(7);
    let parts = ["SERVER", "__", "_", "LISTEN", "UPSTREAMS", "BASTION", "PRICE", "MODELS", "é", ""];
    for _ in 0..1000 {
        let mut name = String::from("BASTION_");
        for _ in 0..random.below(7) {
            name.push_str(parts[random.below(parts.len())]);
        }
        if let Err(report) = load(&sources(FULL, &[(&name, "x,1")])) {
            assert!(report.render(RenderStyle::Plain).contains(&name), "{name}\n{report}");
        }
    }
}

/// A small generator with a fixed seed (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let interesting = b"\"'[]{}=.#\n\r\\,\0\x80\xff 0a";
        match self.below(4) {
            0 => {
                bytes.remove(at);
            }
            1 => bytes.insert(at, interesting[self.below(interesting.len())]),
            2 => bytes[at] = self.next().to_le_bytes()[0],
            _ => {
                let end = (at + self.below(20)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = self.below(bytes.len());
                bytes.splice(to..to, copy);
            }
        }
    }
}
