/// Values in one Redis server, under keys that begin with `prefix`.
struct Values {
    redis: MultiplexedConnection,
    prefix: String,
}

/// Each script compares and writes in one step. A value's stamp is its first 19 bytes; of a key that
/// is not there Redis says that it has no bytes.
const PUT: &str = "
if redis.call('GETRANGE', KEYS[1], 0, 18) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], unpack(ARGV, 3))
return 1";
const DELETE: &str = "
if redis.call('GETRANGE', KEYS[1], 0, 18) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

impl Values {
    /// The script, its key and the stamp that it compares.
    fn eval(&self, script: &str, key: &str, expected: &[u8]) -> Cmd {
        let mut eval = redis::cmd("EVAL");
        eval.arg(script).arg(1).arg(format!("{}{key}", self.prefix)).arg(expected);
        eval
    }
}

impl KeyValue for Values {
    type Error = RedisError;
    const NAME: &'static str = "Redis";
    const EXPIRES: bool = true;

    async fn get(&self, key: &str) -> RedisResult<Option<(Bytes, Stamp)>> {
        let mut get = redis::cmd("GET");
        get.arg(format!("{}{key}", self.prefix));
        let value: Option<Vec<u8>> = get.query_async(&mut self.redis.clone()).await?;
        Ok(value.map(Stamp::beside))
    }

    async fn put_if(
        &self,
        key: &str,
        expected: Option<&Stamp>,
        new: Put,
    ) -> RedisResult<Option<Stamp>> {
        let mut put = self.eval(PUT, key, expected.map_or(b"", Stamp::as_bytes));
        put.arg(&new.value[..]);
        if let Some(until) = new.until {
            put.arg("PXAT").arg(until.as_millis().max(1));
        }
        let written: bool = put.query_async(&mut self.redis.clone()).await?;
        Ok(written.then(|| Stamp::of(&new.value)))
    }

    async fn delete_if(&self, key: &str, expected: &Stamp) -> RedisResult<bool> {
        self.eval(DELETE, key, expected.as_bytes()).query_async(&mut self.redis.clone()).await
    }
}
