//! A file that is sent with a call, kept until it is not needed: its begin in memory, a larger one
//! in a file of mode 0600 that never has a name.
//!
//! It must never be found by anyone else, and never outlive its call.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::outgoing::Segment;

/// What is kept in memory, in bytes. Source: architecture, The path of a call.
const MAX_MEMORY_BYTES: usize = 64 * 1024;

/// A file on its way in.
#[derive(Default)]
pub(crate) struct Spool {
    memory: BytesMut,
    file: Option<File>,
    length: u64,
}

impl Spool {
    /// Takes a piece.
    ///
    /// # Errors
    /// When the directory for temporary files cannot be written.
    pub(crate) async fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        self.length = self.length.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if self.file.is_none() && self.memory.len() + piece.len() <= MAX_MEMORY_BYTES {
            self.memory.extend_from_slice(piece);
            return Ok(());
        }
        if let Some(file) = &mut self.file {
            return file.write_all(piece).await;
        }
        let mut file = File::from_std(unnamed().await?);
        file.write_all(&std::mem::take(&mut self.memory)).await?;
        file.write_all(piece).await?;
        self.file = Some(file);
        Ok(())
    }

    /// How much it took, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// All of it.
    ///
    /// # Errors
    /// When what was taken could not be written.
    pub(crate) async fn finish(self) -> io::Result<Segment> {
        let Some(mut file) = self.file else {
            return Ok(Segment::Bytes(Bytes::from(self.memory)));
        };
        file.flush().await?;
        Ok(Segment::File(Arc::new(file.into_std().await), 0..self.length))
    }
}

/// A file without a name has no mode that could be chosen: it has one, for a moment.
async fn unnamed() -> io::Result<std::fs::File> {
    let made = tokio::task::spawn_blocking(|| {
        let (file, path) = tempfile::NamedTempFile::new()?.into_parts();
        path.close().map(|()| file)
    });
    made.await.unwrap_or_else(|end| Err(end.into()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use http_body_util::BodyExt;

    use super::*;
    use crate::outgoing::Outgoing;

    async fn spooled(pieces: usize) -> Segment {
        let mut spool = Spool::default();
        for at in 0..pieces {
            spool.push(&[u8::try_from(at % 251).unwrap(); 1024]).await.unwrap();
        }
        assert_eq!(usize::try_from(spool.length()).unwrap(), pieces * 1024);
        spool.finish().await.unwrap()
    }

    async fn comes_back(segment: Segment, pieces: usize) {
        let read = Outgoing::of([segment]).collect().await.unwrap().to_bytes();
        assert_eq!(read.len(), pieces * 1024);
        assert!(read.chunks(1024).zip(0..).all(|(piece, at)| usize::from(piece[7]) == at % 251));
    }

    #[tokio::test]
    async fn a_small_file_stays_in_memory() {
        for pieces in [0, 1, 64] {
            let segment = spooled(pieces).await;
            assert!(matches!(segment, Segment::Bytes(_)), "{pieces}");
            comes_back(segment, pieces).await;
        }
    }

    #[tokio::test]
    async fn a_large_file_has_no_name_and_is_nobody_elses() {
        let segment = spooled(3000).await;
        let Segment::File(file, _) = &segment else { panic!("it is too large") };
        let told = file.metadata().unwrap();
        assert_eq!((told.nlink(), told.mode() & 0o777), (0, 0o600));
        comes_back(segment, 3000).await;
        comes_back(spooled(65).await, 65).await;
    }
}
