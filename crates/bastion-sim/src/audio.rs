//! Audio: a tone, and the encodings that the contract names. Source: contract, Endpoints.
//!
//! It must never be without the word that it is simulated.

mod flac;
mod g711;
mod ogg_opus;
mod tone;
mod wav;

pub(crate) use tone::Tone;

/// How audio is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    LinearPcm,
    Flac,
    MuLaw,
    ALaw,
    OggOpus,
}

impl Encoding {
    pub(crate) const ALL: [Encoding; 5] =
        [Encoding::LinearPcm, Encoding::Flac, Encoding::MuLaw, Encoding::ALaw, Encoding::OggOpus];

    pub(crate) fn number(self) -> u64 {
        match self {
            Encoding::LinearPcm => 1,
            Encoding::Flac => 2,
            Encoding::MuLaw => 3,
            Encoding::ALaw => 4,
            Encoding::OggOpus => 5,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::LinearPcm => "LINEAR_PCM",
            Encoding::Flac => "FLAC",
            Encoding::MuLaw => "MULAW",
            Encoding::ALaw => "ALAW",
            Encoding::OggOpus => "OGGOPUS",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Encoding::LinearPcm | Encoding::MuLaw | Encoding::ALaw => "audio/wav",
            Encoding::Flac => "audio/flac",
            Encoding::OggOpus => "audio/ogg",
        }
    }

    pub(crate) fn encoded(self, tone: &Tone) -> Vec<u8> {
        let Tone { samples, rate_hz } = tone;
        match self {
            Encoding::LinearPcm => {
                let data: Vec<u8> =
                    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
                wav::file(wav::Format::Pcm, *rate_hz, &data)
            }
            Encoding::MuLaw => {
                let data: Vec<u8> = samples.iter().copied().map(g711::mu_law).collect();
                wav::file(wav::Format::MuLaw, *rate_hz, &data)
            }
            Encoding::ALaw => {
                let data: Vec<u8> = samples.iter().copied().map(g711::a_law).collect();
                wav::file(wav::Format::ALaw, *rate_hz, &data)
            }
            Encoding::Flac => flac::file(samples, *rate_hz),
            Encoding::OggOpus => ogg_opus::silence(tone.milliseconds()),
        }
    }
}
