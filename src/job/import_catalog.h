#pragma once

#include <map>
#include <set>

#include "dump/metadata.h"
#include "dump/reader.h"
#include "job/document_file.h"
#include "job/oplog_filter.h"

namespace varve::job {

/// A collection, view or time-series of a dump on its way into a snapshot.
struct Incoming {
  std::string type;  ///< as listCollections would say it
  dump::Metadata metadata;
  bool described = false;   ///< the dump has metadata of it
  bool named_uuid = false;  ///< the dump or its oplog tells its UUID; else metadata's is made from its name
  bool temporary = false;   ///< kept only if the oplog renames it (RULES 4)
  uint32_t average_chunk = 1u << 20;
  bool ended = false;                  ///< all of its documents came
  std::unique_ptr<DocumentFile> file;  ///< made with its first documents, or its end
};

/// What a dump holds, by the names that it gets in a snapshot. One thread.
class ImportCatalog {
 public:
  explicit ImportCatalog(const bson::NamespaceFilter& filter) : filter_(filter) {}

  /// Takes what is described, within the scope of a backup and of the filter. kCorrupt for metadata that cannot be
  /// read, kInvalidInput for names that no server has.
  Status describe(const dump::Contents& contents);

  /// Where documents of that name in the dump go: users and roles of one database to admin, documents of a time-series
  /// to its buckets. Nothing if they stay out, by the filter or as nothing of a backup's; in the latter case left_out()
  /// tells why.
  Result<std::optional<bson::Namespace>> place_of(const bson::Namespace& ns);
  /// The collection at that place, entered if it is not described.
  Incoming& at(const bson::Namespace& place);

  /// Index definitions as servers before 3.0 kept them: a collection of their own.
  Status take_old_index(bson::View index);

  /// What follows the last document: whatever was described must have come, and the other way round.
  Status check_complete();

  std::map<bson::Namespace, Incoming>& all() { return incoming_; }
  const std::map<std::string, std::string>& left_out() const { return left_out_; }

 private:
  Status describe(const bson::Namespace& place, const dump::Description& description);
  void tell_apart(const bson::Namespace& place, const std::string& uuid_hex);
  Status complete(const bson::Namespace& place, Incoming& incoming);

  const bson::NamespaceFilter& filter_;
  std::map<bson::Namespace, Incoming> incoming_;
  std::map<std::string, bson::Namespace> named_;  // UUID in the dump's metadata -> the first of it
  std::map<std::string, std::string> left_out_;   // namespace -> reason
  std::map<bson::Namespace, std::vector<bson::Document>> old_indexes_;
  size_t old_index_bytes_ = 0;
};

/// Left over from servers before 3.0: {v, key, name, ns} of every index of a database.
bool holds_old_indexes(const bson::Namespace& ns);

}  // namespace varve::job
