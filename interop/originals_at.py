"""Addresses of stores, as the originals' drivers want them."""

import urllib.parse


def sqlalchemy_url(url):
    """For SQLAlchemy, with the drivers of requirements.txt."""
    scheme, _, rest = url.partition(":")
    driver = {"postgres": "postgresql+psycopg", "mysql": "mysql+pymysql"}.get(scheme, scheme)
    return f"{driver}:{rest}"


def django_database(url):
    """For Django's DATABASES."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        # SQLAlchemy's spelling: three slashes before a path.
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": rest.removeprefix("///")}
    parts = urllib.parse.urlsplit(url)
    return {
        "ENGINE": f"django.db.backends.{'postgresql' if scheme == 'postgres' else 'mysql'}",
        "NAME": parts.path.removeprefix("/"),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "HOST": parts.hostname,
        "PORT": parts.port,
    }


def django_redis_cache(url, serializer, compressor):
    """For Django's CACHES, by django-redis."""
    options = {"SERIALIZER": f"django_redis.serializers.{serializer}"}
    if compressor:
        options["COMPRESSOR"] = f"django_redis.compressors.{compressor}"
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "OPTIONS": options}


def django_cache(url):
    """For Django's CACHES, with Django's own default for servers of memcached."""
    scheme, _, rest = url.partition(":")
    if scheme == "redis":
        return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
    servers = rest.removeprefix("//").split(",")
    backend = "django.core.cache.backends.memcached.PyMemcacheCache"
    return {"BACKEND": backend, "LOCATION": servers}
