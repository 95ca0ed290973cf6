throw new Error('sqlite3 is not installed: start forks with the assay command, which keeps its cache in node:sqlite')
