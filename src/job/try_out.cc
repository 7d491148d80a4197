#include "job/try_out.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "job/compare_catalog.h"
#include "job/ttl_commands.h"
#include "mongo/catalog.h"
#include "mongo/documents.h"

namespace varve::job {

namespace {

constexpr size_t kShown = 20;
const bson::Namespace kTrial{"varve_restore", "trial"};
const bson::Namespace kOther{"varve_restore", "trial_2"};

/// Of fields in ascending or descending order, and nothing more.
bool is_plain(const bson::Document& index) {
  auto options = index.view().elements();
  while (const auto option = options.next()) {
    const auto name = option->name();
    if (name != "v" && name != "key" && name != "name" && name != "ns") return false;
  }
  const auto key = index.view().document("key").value_or(bson::View());
  auto fields = key.elements();
  while (const auto field = fields.next()) {
    const auto order = field->as_double();
    if (field->name().find('$') != std::string::npos || (order != 1 && order != -1)) return false;
  }
  return true;
}

class Trials {
 public:
  Trials(mongo::Connection& connection, const RestoreOptions& options, RestorePlan& plan, const Cancel& cancel)
      : connection_(connection), options_(options), plan_(plan), cancel_(cancel) {}

  Status run() {
    if (options_.dry_run) return tell();
    TRY(try_replacing());
    TRY(try_overwriting());
    for (auto& item : plan_.items) {
      if (item.name == bson::logical(item.name)) TRY(try_item(item));
    }
    if (!refused_.empty() && !options_.allow_version_mismatch) return fail(refusal());
    for (const auto& what : refused_) plan_.shortfalls.push_back("left out: " + what);
    std::erase_if(plan_.items, [this](const auto& item) {
      if (!left_out_.contains(bson::logical(item.name))) return false;
      plan_.documents -= item.entry->as_read.documents;
      plan_.bytes -= item.entry->as_read.bytes;
      return true;
    });
    return {};
  }

 private:
  const std::string& product() const { return plan_.target.product; }

  /// Of what is there already, and not made by the restore, only indexes are new to the server.
  static bool stays(const RestorePlan::Item& item) { return item.merge || item.fill; }

  bool wants_trial(const RestorePlan::Item& item) const {
    if (stays(item)) return item.entry->type == "collection" && !special_indexes(item).empty();
    return !item.options.view().empty() || item.entry->type != "collection" || !special_indexes(item).empty();
  }

  std::vector<bson::Document> special_indexes(const RestorePlan::Item& item) const {
    std::vector<bson::Document> special;
    for (const auto& index : item.indexes) {
      const bool built = options_.indexes && !is_id_index(index) && (options_.ttl || !is_ttl(index));
      const bool there = item.indexes_there.contains(std::string(index.view().string("name").value_or("")));
      if (built && !there && !is_plain(index)) special.push_back(index);
    }
    return special;
  }

  Status tell() {
    std::vector<std::string> names;
    for (const auto& item : plan_.items) {
      if (item.name == bson::logical(item.name) && wants_trial(item)) names.push_back(item.name.text());
    }
    if (names.empty()) return {};
    const size_t more = names.size() > kShown ? names.size() - kShown : 0;
    names.resize(names.size() - more);
    plan_.remarks.push_back(
        fmt::format("whether {} takes the options and indexes of {}{} is found out by a restore, "
                    "before it writes, and not by a dry run",
                    product(), fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : ""));
    return {};
  }

  /// A collection is replaced by renaming its successor.
  Status try_replacing() {
    const auto renamed = [](const auto& item) { return item.load_into != item.name; };
    if (std::ranges::none_of(plan_.items, renamed)) return {};
    TRY(drop());
    TRY(mongo::create_collection(connection_, kTrial, {}, {}, cancel_));
    TRY(mongo::create_collection(connection_, kOther, {}, {}, cancel_));
    const auto done = mongo::rename_over(connection_, kTrial, kOther, cancel_);
    TRY(drop());
    if (done || !is_refusal(done.error())) return done;
    return fail(Error(ErrorKind::kUnsupported,
                      product() + " cannot put one collection in the place of another; nothing was written")
                    .hint("its answer: " + done.error().message())
                    .hint("--drop=first drops each collection before it is restored"));
  }

  /// A document is put in the place of another by an update with a pipeline.
  Status try_overwriting() {
    const auto merged = [](const auto& item) { return item.merge; };
    if (options_.existing != OnExisting::kOverwrite || std::ranges::none_of(plan_.items, merged)) return {};
    TRY(drop());
    const auto first = bson::Builder().add("_id", int32_t{1}).add("a", int32_t{1}).finish();
    const auto second = bson::Builder().add("_id", int32_t{1}).add("b", int32_t{1}).finish();
    auto done = put(first);
    if (done) done = put(second);
    const auto found = mongo::read_documents(connection_, kTrial, cancel_);
    TRY(drop());
    if (!done && !is_refusal(done.error())) return done;
    if (done) TRY(found);
    if (done && found->size() == 1 && std::ranges::equal(found->front().bytes(), second.bytes())) return {};
    return fail(
        Error(ErrorKind::kUnsupported,
              product() + " cannot put a document in the place of another; nothing was written")
            .hint("its answer: " + (done ? "it was done, but what is there is another" : done.error().message()))
            .hint("--merge=missing adds only the documents that it lacks"));
  }

  Status put(const bson::Document& document) {
    mongo::Inserter inserter(connection_, kTrial, {.overwrite = true, .plain = true});
    TRY(inserter.add(document.bytes(), cancel_));
    return inserter.flush(cancel_);
  }

  static bool is_refusal(const Error& error) {
    return error.code() != 0 && error.kind() != ErrorKind::kDenied && !is_stop(error);
  }

  void refuse(const RestorePlan::Item& item, const std::string& what) {
    refused_.push_back(item.name.text() + ": " + what);
  }

  Status try_item(RestorePlan::Item& item) {
    if (!wants_trial(item)) return {};
    if (item.entry->type == "timeseries") {
      refuse(item, "it is a time-series, whose buckets only a MongoDB takes");
      left_out_.insert(item.name);
      return {};
    }
    TRY(drop());
    if (stays(item)) {
      TRY(mongo::create_collection(connection_, kTrial, {}, {}, cancel_));
    } else {
      TRY(try_options(item));
    }
    if (!left_out_.contains(item.name) && item.entry->type == "collection") TRY(try_indexes(item));
    return drop();
  }

  /// A collection whose options are refused may come back without them, a view may not.
  Status try_options(RestorePlan::Item& item) {
    const auto options = bson::without(item.options, "expireAfterSeconds");
    const auto made = mongo::create_collection(connection_, kTrial, options, {}, cancel_);
    if (!made && !is_refusal(made.error())) return made;
    std::vector<std::string> reasons;
    if (!made) {
      reasons.push_back("its options are refused: " + made.error().message());
    } else {
      TRY_ASSIGN(reasons, differences(item.entry->type, options, {}));
    }
    for (const auto& reason : reasons) refuse(item, reason);
    if (reasons.empty()) return {};
    if (item.entry->type != "collection") {
      left_out_.insert(item.name);
      return {};
    }
    item.options = bson::Document();
    TRY(drop());
    return mongo::create_collection(connection_, kTrial, {}, {}, cancel_);
  }

  Status try_indexes(RestorePlan::Item& item) {
    const bool collation = item.options.view().find("collation").has_value();
    for (const auto& index : special_indexes(item)) {
      const auto name = std::string(index.view().string("name").value_or(""));
      TRY_ASSIGN(const auto failed, mongo::create_indexes(connection_, kTrial, {index}, collation, cancel_));
      std::vector<std::string> reasons;
      if (!failed.empty()) {
        reasons.push_back("index " + name + " is refused: " + failed.front().reason);
      } else {
        TRY_ASSIGN(reasons, differences("collection", stays(item) ? bson::Document() : item.options, {index}));
      }
      for (const auto& reason : reasons) refuse(item, reason);
      if (!reasons.empty())
        std::erase_if(item.indexes, [&](const auto& one) { return std::ranges::equal(one.bytes(), index.bytes()); });
    }
    return {};
  }

  /// What the trial has become, where that is not what it was to be. Of its indexes only the given ones count.
  Result<std::vector<std::string>> differences(const std::string& type, const bson::Document& options,
                                               const std::vector<bson::Document>& indexes) {
    TRY_ASSIGN(auto catalog, mongo::list_catalog(connection_, {kTrial}, cancel_));
    if (catalog.collections.empty()) return std::vector<std::string>{"it is not there after it was made"};
    auto& there = catalog.collections.front();
    std::erase_if(there.indexes, [&](const auto& index) {
      return std::ranges::none_of(
          indexes, [&](const auto& one) { return one.view().string("name") == index.view().string("name"); });
    });
    collection::CollectionEntry wanted;
    wanted.type = type;
    wanted.options = options;
    wanted.indexes = indexes;
    Difference difference;
    std::vector<std::string> otherwise_said;
    compare_catalog(wanted, there, difference, otherwise_said);
    return std::move(difference.what);
  }

  Status drop() {
    TRY(mongo::drop_collection(connection_, kTrial, cancel_));
    return mongo::drop_collection(connection_, kOther, cancel_);
  }

  Error refusal() const {
    Error error(ErrorKind::kUnsupported,
                fmt::format("{} is {}, which does not take all of the backup; nothing was written", plan_.target.host,
                            product()));
    for (size_t i = 0; i < std::min(refused_.size(), kShown); ++i) error.hint(refused_[i]);
    if (refused_.size() > kShown) error.hint(std::to_string(refused_.size() - kShown) + " more");
    return std::move(error).hint(
        "--allow-version-mismatch restores without what is named here, --ns-exclude leaves whole collections out");
  }

  mongo::Connection& connection_;
  const RestoreOptions& options_;
  RestorePlan& plan_;
  const Cancel& cancel_;
  std::vector<std::string> refused_;
  std::set<bson::Namespace> left_out_;
};

}  // namespace

Status try_out(mongo::Connection& connection, const RestoreOptions& options, RestorePlan& plan, const Cancel& cancel) {
  if (plan.target.product.empty()) return {};
  return Trials(connection, options, plan, cancel).run();
}

}  // namespace varve::job
