//! The compressors of django-redis, each told by how what it makes begins.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::CacheError;
use crate::zlib;

/// The most that a session may inflate to: 1 MiB.
pub const MAX_INFLATED: usize = zlib::MAX_INFLATED;

/// `COMPRESSOR` of the cache's `OPTIONS`: `django_redis.compressors.` and this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compressor {
    /// `zlib.ZlibCompressor`.
    Zlib,
    /// `gzip.GzipCompressor`.
    Gzip,
    /// `lzma.LzmaCompressor`: the xz format.
    Lzma,
    /// `lz4.Lz4Compressor`: lz4's frames.
    Lz4,
    /// `zstd.ZStdCompressor`.
    Zstd,
}

impl Compressor {
    /// What made these bytes; `None` where no compressor did.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        Some(match *bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Lzma,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // RFC 1950, 2.2: deflate within 32 KiB, and a check of the two bytes.
            [0x78, flags, ..] if (0x7800 | u16::from(flags)).is_multiple_of(31) => Self::Zlib,
            _ => return None,
        })
    }

    /// What was compressed.
    pub(super) fn inflate(self, bytes: &[u8]) -> Result<Vec<u8>, CacheError> {
        match self {
            Self::Zlib => {
                zlib::inflate_capped(bytes, MAX_INFLATED).map_err(|_| CacheError::Compressed(self))
            }
            Self::Gzip => self.read_all(GzDecoder::new(bytes)),
            #[cfg(feature = "django-redis")]
            Self::Lz4 => self.read_all(lz4_flex::frame::FrameDecoder::new(bytes)),
            #[cfg(feature = "django-redis")]
            Self::Lzma => {
                // The dictionary of the largest preset that a session is compressed with.
                const MEMORY: u32 = 80 << 10;
                self.read_all(lzma_rust2::XzReader::new_mem_limit(bytes, true, MEMORY))
            }
            #[cfg(feature = "django-redis")]
            Self::Zstd => {
                const WINDOW: u64 = 8 << 20;
                let made =
                    ruzstd::decoding::StreamingDecoder::new_with_max_window_size(bytes, WINDOW);
                self.read_all(made.map_err(|_| CacheError::Compressed(self))?)
            }
            #[cfg(not(feature = "django-redis"))]
            Self::Lz4 | Self::Lzma | Self::Zstd => Err(CacheError::NotBuilt(self)),
        }
    }

    fn read_all(self, from: impl Read) -> Result<Vec<u8>, CacheError> {
        let mut inflated = Vec::new();
        // One byte more than allowed, to tell what fills the limit from what passes it.
        let limit = MAX_INFLATED as u64 + 1;
        let read = from.take(limit).read_to_end(&mut inflated);
        match read {
            Ok(_) if inflated.len() <= MAX_INFLATED => Ok(inflated),
            _ => Err(CacheError::Compressed(self)),
        }
    }

    /// These bytes, compressed as django-redis does by default.
    pub(super) fn deflate(self, plain: &[u8]) -> Result<Vec<u8>, CacheError> {
        // Written into memory, where nothing fails but the compressor itself.
        let failed = |_| CacheError::Compressed(self);
        match self {
            Self::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
                encoder.write_all(plain).and_then(|()| encoder.finish()).map_err(failed)
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::new(9));
                encoder.write_all(plain).and_then(|()| encoder.finish()).map_err(failed)
            }
            #[cfg(feature = "django-redis")]
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(plain).map_err(failed)?;
                encoder.finish().map_err(|_| CacheError::Compressed(self))
            }
            #[cfg(feature = "django-redis")]
            Self::Lzma => {
                let options = lzma_rust2::XzOptions::with_preset(4);
                let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).map_err(failed)?;
                encoder.write_all(plain).and_then(|()| encoder.finish()).map_err(failed)
            }
            #[cfg(feature = "django-redis")]
            Self::Zstd => {
                use ruzstd::encoding::{CompressionLevel, compress_to_vec};
                Ok(compress_to_vec(plain, CompressionLevel::Fastest))
            }
            #[cfg(not(feature = "django-redis"))]
            Self::Lz4 | Self::Lzma | Self::Zstd => Err(CacheError::NotBuilt(self)),
        }
    }
}
