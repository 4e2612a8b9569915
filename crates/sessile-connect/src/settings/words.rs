//! The words that settings take, and what each stands for.

use super::store::address::Kind;
use super::store::choice::MemcachedClient;
use sessile_core::{EndedMeanwhile, Lifetime, Profile, Storage, StoreFailure};
use sessile_formats::django_redis::{Compressor, Serializer};
use sessile_formats::flask_session::Format;

/// Whose rules of CSRF protection hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsrfProfile {
    /// Ours.
    Native,
    /// Flask-WTF's.
    FlaskWtf,
    /// Django's.
    Django,
}

impl CsrfProfile {
    /// Its name, as `CSRF_PROFILE` takes it.
    pub fn as_str(self) -> &'static str {
        of(self, CSRF_PROFILES)
    }
}

/// The word for a value.
pub(super) fn of<T: PartialEq>(value: T, among: &[(&'static str, T)]) -> &'static str {
    among.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

// Sets of profiles, one letter each: native, flask, flask_session, django, starlette, flask_wtf.
pub(super) const N: u8 = 1;
pub(super) const F: u8 = 2;
pub(super) const S: u8 = 4;
pub(super) const D: u8 = 8;
pub(super) const T: u8 = 16;
pub(super) const W: u8 = 32;
pub(super) const ALL: u8 = N | F | S | D | T | W;

pub(super) const fn bit(profile: Profile) -> u8 {
    match profile {
        Profile::Native => N,
        Profile::Flask => F,
        Profile::FlaskSession => S,
        Profile::Django => D,
        Profile::Starlette => T,
    }
}

pub(super) const fn csrf_bit(profile: CsrfProfile) -> u8 {
    match profile {
        CsrfProfile::Native => N,
        CsrfProfile::FlaskWtf => W,
        CsrfProfile::Django => D,
    }
}

pub(super) const PROFILES: &[(&str, Profile)] = &[
    ("native", Profile::Native),
    ("flask", Profile::Flask),
    ("flask_session", Profile::FlaskSession),
    ("django", Profile::Django),
    ("starlette", Profile::Starlette),
];

pub(super) const CSRF_PROFILES: &[(&str, CsrfProfile)] = &[
    ("native", CsrfProfile::Native),
    ("flask_wtf", CsrfProfile::FlaskWtf),
    ("django", CsrfProfile::Django),
];

pub(super) const TYPES: &[(&str, Kind)] = &[
    ("null", Kind::Cookie),
    ("cookie", Kind::Cookie),
    ("memory", Kind::Memory),
    ("sqlite", Kind::Sqlite),
    ("sql", Kind::Sql),
    ("sqlalchemy", Kind::Sql),
    ("file", Kind::File),
    ("filesystem", Kind::File),
    ("cachelib", Kind::File),
    ("redis", Kind::Redis),
    ("memcached", Kind::Memcached),
    ("mongodb", Kind::MongoDb),
    ("cached", Kind::Cached),
];

pub(super) const ENGINES: &[(&str, Kind)] = &[
    ("db", Kind::Sql),
    ("cache", Kind::Cache),
    ("cached_db", Kind::Cached),
    ("file", Kind::File),
    ("signed_cookies", Kind::Cookie),
];

pub(super) const CLIENTS: &[(&str, MemcachedClient)] = &[
    ("pymemcache", MemcachedClient::Pymemcache),
    ("pylibmc", MemcachedClient::Pylibmc),
    ("pylibmc_ketama", MemcachedClient::PylibmcKetama),
    ("python_memcached", MemcachedClient::PythonMemcached),
];

pub(super) const STORAGES: &[(&str, Storage)] = &[
    ("store", Storage::Store),
    ("signed_cookie", Storage::SignedCookie),
    ("encrypted_cookie", Storage::EncryptedCookie),
];

pub(super) const SERIALIZERS: &[(&str, Serializer)] = &[
    ("pickle", Serializer::Pickle),
    ("json", Serializer::Json),
    ("msgpack", Serializer::MsgPack),
    ("django_redis.serializers.pickle.PickleSerializer", Serializer::Pickle),
    ("django_redis.serializers.json.JSONSerializer", Serializer::Json),
    ("django_redis.serializers.msgpack.MSGPackSerializer", Serializer::MsgPack),
];

pub(super) const COMPRESSORS: &[(&str, Option<Compressor>)] = &[
    ("none", None),
    ("zlib", Some(Compressor::Zlib)),
    ("gzip", Some(Compressor::Gzip)),
    ("lzma", Some(Compressor::Lzma)),
    ("lz4", Some(Compressor::Lz4)),
    ("zstd", Some(Compressor::Zstd)),
    ("django_redis.compressors.identity.IdentityCompressor", None),
    ("django_redis.compressors.zlib.ZlibCompressor", Some(Compressor::Zlib)),
    ("django_redis.compressors.gzip.GzipCompressor", Some(Compressor::Gzip)),
    ("django_redis.compressors.lzma.LzmaCompressor", Some(Compressor::Lzma)),
    ("django_redis.compressors.lz4.Lz4Compressor", Some(Compressor::Lz4)),
    ("django_redis.compressors.zstd.ZStdCompressor", Some(Compressor::Zstd)),
];

pub(super) const FAILURES: &[(&str, StoreFailure)] =
    &[("refuse", StoreFailure::Refuse), ("read_as_anonymous", StoreFailure::ReadAsAnonymous)];

pub(super) const ENDED: &[(&str, EndedMeanwhile)] =
    &[("refuse", EndedMeanwhile::Refuse), ("keep_response", EndedMeanwhile::KeepResponse)];

pub(super) const FORMER: &[(&str, Option<Profile>)] = &[
    ("none", None),
    ("flask_session", Some(Profile::FlaskSession)),
    ("django", Some(Profile::Django)),
];

pub(super) const FORMATS: &[(&str, Format)] =
    &[("msgpack", Format::Msgpack), ("json", Format::Json)];

pub(super) const LEVELS: &[(&str, Lifetime)] =
    &[("aal1", Lifetime::AAL1), ("aal2", Lifetime::AAL2), ("aal3", Lifetime::AAL3)];

/// How an id travels.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Channel {
    Cookie,
    Header,
    Bearer,
    Url,
    Form,
    FormAndUrl,
}

/// Those that leave ids in logs say so in the word that switches them on.
pub(super) const CHANNELS: &[(&str, Channel)] = &[
    ("cookie", Channel::Cookie),
    ("header", Channel::Header),
    ("bearer", Channel::Bearer),
    ("url_readable_in_logs", Channel::Url),
    ("form", Channel::Form),
    ("form_and_url_readable_in_logs", Channel::FormAndUrl),
];

// What settings take, and what stands in place of a default.
pub(super) const BOOL: &str = "true or false";
pub(super) const TEXT: &str = "text";
pub(super) const PATH: &str = "a path that begins with /";
pub(super) const DOMAIN: &str = "a host name, or false for none";
pub(super) const SAME_SITE: &str = "Strict, Lax, None, or false for no attribute";
pub(super) const NOT_SET: &str = "not set";
