//! Any split of any stream gives the same frames, and no byte is lost.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run sse_reader`; the first byte of an input says how it is split.

#![no_main]

use bastion_wire::FrameReader;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

/// Data of all frames, and all bytes in order.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Option<Vec<u8>>>, Vec<u8>) {
    let mut reader = FrameReader::default();
    let (mut data, mut bytes) = (Vec::new(), Vec::new());
    for piece in pieces {
        let run = reader.push(Bytes::copy_from_slice(piece)).expect("inputs are short");
        let Some(run) = run else { continue };
        data.extend(run.frames().map(|frame| frame.data().map(|data| data.into_owned())));
        bytes.extend_from_slice(&run.bytes);
    }
    bytes.extend_from_slice(&reader.finish());
    (data, bytes)
}

fuzz_target!(|input: &[u8]| {
    let Some((step, stream)) = input.split_first() else { return };
    let (at_once, all) = read(std::iter::once(stream));
    assert_eq!(all, stream, "bytes were lost or made");
    let (in_pieces, pieces) = read(stream.chunks(usize::from(*step) % 16 + 1));
    assert_eq!(pieces, stream);
    // A CR at the end of a piece may be a whole line end or half of one: the LF behind it is part
    // of either frame, and of no data.
    assert_eq!(at_once, in_pieces);
});
