#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dump/source_folder.h"
#include "dump/writer.h"

namespace varve::dump {

/// A file of documents in a dumped folder.
struct DataFile {
  bson::Namespace ns;  ///< kOplog for the oplog
  std::string folder;  ///< below the dump; empty for its top
  std::string name;
};

/// What a folder of mongodump's holds, as its names tell it: see names.h. Metadata are read, documents are not.
struct FolderCatalog {
  Contents contents;                     ///< `prelude` empty
  std::vector<DataFile> files;           ///< the oplog last
  std::vector<std::string> passed_over;  ///< paths of what mongodump does not write
  uint64_t bytes = 0;                    ///< of the files
};

/// The small text of a file, decompressed where it is compressed. kUnsupported if it is larger than 16 MiB.
Result<std::string> read_text(const SourceFolder& folder, const std::string& name);

/// The catalog of a folder with databases in it, or with collections in it (then the folder's name is the database's).
/// With `only`, that data file and its metadata alone. kInvalidInput if there is nothing of mongodump's, or if it
/// cannot be told what is meant.
Result<FolderCatalog> list_dump(const SourceFolder& root, const std::string& database, const std::string& only);

}  // namespace varve::dump
