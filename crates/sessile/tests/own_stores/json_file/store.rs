/// All sessions in one JSON file.
struct JsonFile(PathBuf);

type Rows = BTreeMap<String, String>;

/// A value is kept as the characters up to U+00FF, one for each of its bytes.
fn found(rows: &Rows, key: &str) -> Option<(Bytes, Stamp)> {
    rows.get(key).map(|row| Stamp::beside(row.chars().map(|it| it as u8).collect::<Bytes>()))
}

impl JsonFile {
    /// Reads the file, and writes it if `work` changes it: one at a time, in all processes.
    fn with<T>(&self, work: impl FnOnce(&mut Rows) -> T) -> io::Result<T> {
        let lock = File::create(self.0.with_extension("lock"))?;
        lock.lock()?;
        let mut rows = match fs::read(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Rows::new(),
            text => serde_json::from_slice(&text?)?,
        };
        let (before, answer) = (rows.clone(), work(&mut rows));
        if rows != before {
            let new = self.0.with_extension("new");
            fs::write(&new, serde_json::to_vec(&rows)?)?;
            File::open(&new)?.sync_all()?;
            fs::rename(&new, &self.0)?;
        }
        Ok(answer)
    }
}

impl KeyValue for JsonFile {
    type Error = io::Error;
    const NAME: &'static str = "JSON file";
    const LISTS: bool = true;

    async fn get(&self, key: &str) -> io::Result<Option<(Bytes, Stamp)>> {
        self.with(|rows| found(rows, key))
    }

    async fn put_if(&self, key: &str, old: Option<&Stamp>, new: Put) -> io::Result<Option<Stamp>> {
        self.with(|rows| {
            let is_old = found(rows, key).map(|(_, stamp)| stamp).as_ref() == old;
            is_old.then(|| {
                rows.insert(key.to_owned(), new.value.iter().map(|it| char::from(*it)).collect());
                Stamp::of(&new.value)
            })
        })
    }

    async fn delete_if(&self, key: &str, old: &Stamp) -> io::Result<bool> {
        self.with(|rows| {
            let is_old = found(rows, key).is_some_and(|(_, stamp)| stamp == *old);
            is_old && rows.remove(key).is_some()
        })
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> io::Result<KeyPage> {
        self.with(|rows| KeyPage::of_sorted(rows.keys(), after, limit))
    }
}
