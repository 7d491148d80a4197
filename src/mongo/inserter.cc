#include <optional>

#include "bson/json.h"
#include "mongo/driver.h"
#include "mongo/errors.h"
#include "mongo/target.h"
#include "mongo/write_concern.h"

namespace varve::mongo {

namespace {

/// The server takes commands of 16 MiB and 16 KiB; the driver adds the session and cluster time to ours.
constexpr size_t kMaxBatchBytes = kMaxDocumentBytes;
constexpr size_t kMaxDocuments = 20'000;  ///< keeps one command's time, and so a stop's, within a second or so

enum class How : uint8_t {
  kInsert,
  kPutNew,     ///< as an insert, but empty timestamps stay
  kOverwrite,  ///< or insert
};             // one command holds one kind

/// A server fills an empty timestamp in on every insert, but not in a pipeline's literal. Unless it may `overwrite`,
/// the query matches no document at all, so that a second one of the same `_id` is refused as an insert would be.
void add_put(bson::Builder& batch, const std::string& key, ByteView document, bool overwrite) {
  const auto id = bson::View(document).find("_id");
  batch.open(key).open("q").open("_id");
  if (id) batch.add("$eq", *id);
  batch.end();
  if (!overwrite) batch.open_array("$nor").open("0").open("_id").add("$exists", true).end().end().end();
  batch.end();
  batch.open_array("u").open("0").open("$replaceWith").add("$literal", bson::View(document)).end().end().end();
  batch.add("upsert", true).end();
}

}  // namespace

struct Inserter::State {
  Connection::State& connection;
  bson::Namespace ns;
  InsertOptions options;
  How how = How::kInsert;
  bson::Builder batch;  ///< the array's elements, in a command under construction
  Bytes room;           ///< of the command before
  size_t count = 0;
  size_t bytes = 0;
  DriverDocument reply;
  std::function<void(ByteView)> duplicate;

  bool inserts() const { return how == How::kInsert; }

  State(Connection::State& c, bson::Namespace n, InsertOptions o)
      : connection(c), ns(std::move(n)), options(std::move(o)) {}

  Status add(ByteView document, How wanted, const Cancel& cancel) {
    constexpr size_t kInsertOverhead = 32, kPutOverhead = 192;
    const size_t size =
        document.size() + (wanted == How::kInsert ? kInsertOverhead : kPutOverhead + bson::id_element(document).size());
    if (count > 0 && (wanted != how || bytes + size > kMaxBatchBytes || count >= kMaxDocuments)) TRY(flush(cancel));
    if (count == 0) begin(wanted);
    const auto key = std::to_string(count);
    if (inserts()) {
      batch.add(key, bson::View(document));
    } else {
      add_put(batch, key, document, how == How::kOverwrite);
    }
    bytes += size;
    ++count;
    return {};
  }

  void begin(How wanted) {
    how = wanted;
    batch = bson::Builder(std::move(room));
    batch.add(inserts() ? "insert" : "update", ns.collection);
    batch.add("ordered", options.keep_order).add("bypassDocumentValidation", true);
    add_write_concern(batch, options.write_concern);
    batch.open_array(inserts() ? "documents" : "updates");
  }

  /// Updating a document to one with an empty timestamp is replicated in a way that has every member fill in another;
  /// inserting it is not.
  Status make_way(ByteView document, const Cancel& cancel) {
    bson::Builder remove;
    remove.add("delete", ns.collection).open_array("deletes").open("0").open("q").open("_id");
    if (const auto id = bson::View(document).find("_id")) remove.add("$eq", *id);
    remove.end().end().add("limit", int32_t{1}).end().end();
    add_write_concern(remove, options.write_concern);
    auto status = connection.run(ns.db, remove.finish(), reply, cancel);
    if (!status) return fail(std::move(status).error().within(ns.text()));
    return {};
  }

  Status flush(const Cancel& cancel) {
    if (count == 0) return {};
    count = bytes = 0;
    auto command = batch.finish();
    auto status = connection.run(ns.db, command, reply, cancel);
    if (!status) return fail(std::move(status).error().within(ns.text()));
    TRY(check_errors(command));
    room = std::move(command).release();
    return {};
  }

  Status check_errors(const bson::Document& command) {
    const auto errors = reply.view().array("writeErrors");
    if (!errors) return {};
    auto each = errors->elements();
    while (const auto element = each.next()) {
      if (const auto error = element->as_document()) TRY(check_error(command, *error));
    }
    return {};
  }

  Status check_error(const bson::Document& command, bson::View error) {
    const auto index = static_cast<size_t>(error.int64("index").value_or(0));
    const auto number = static_cast<int>(error.int64("code").value_or(0));
    if (number == code::kDuplicateKey && duplicate && is_by_id(error)) {
      const auto refused = sent(command, index);
      if (refused) duplicate(refused->bytes());
      if (refused) return {};
    }
    auto failure = server_error(connection.host, number, error.string("errmsg").value_or("no reason given"));
    return fail(std::move(failure).within(ns.text() + ": the document with _id " + id_of(command, index)));
  }

  /// Servers of our versions name the key; a unique index of the user's own is another matter.
  static bool is_by_id(bson::View error) {
    const auto key = error.document("keyPattern");
    return !key || key->find("_id").has_value();
  }

  /// The document at that place of the command.
  std::optional<bson::View> sent(const bson::Document& command, size_t index) const {
    const auto array = command.view().array(inserts() ? "documents" : "updates");
    const auto element = array ? array->document(std::to_string(index)) : std::nullopt;
    return !element || inserts() ? element : element->document("u.0.$replaceWith.$literal");
  }

  std::string id_of(const bson::Document& command, size_t index) const {
    const auto document = sent(command, index);
    return document ? id_text(document->bytes()) : "?";
  }
};

std::string id_text(ByteView document) {
  constexpr size_t kShown = 200;
  const auto id = bson::View(document).find("_id");
  auto text = id ? bson::to_json(*id, bson::JsonMode::kRelaxed) : "(none)";
  if (text.size() <= kShown) return text;
  const auto goes_on = [&](size_t at) { return (static_cast<uint8_t>(text[at]) & 0xc0u) == 0x80; };  // of UTF-8
  size_t length = kShown;
  while (length > 0 && goes_on(length)) --length;
  return text.substr(0, length) + "...";
}

Inserter::Inserter(Connection& connection, bson::Namespace ns, InsertOptions options)
    : state_(std::make_unique<State>(connection.state(), std::move(ns), std::move(options))) {}
Inserter::~Inserter() = default;

Status Inserter::add(ByteView document, const Cancel& cancel) {
  if (bson::id_element(document).empty()) return state_->add(document, How::kInsert, cancel);
  const bool overwrite = state_->options.overwrite;
  if (state_->options.plain || !bson::has_empty_timestamp(document)) {
    return state_->add(document, overwrite ? How::kOverwrite : How::kInsert, cancel);
  }
  if (overwrite) TRY(state_->make_way(document, cancel));
  return state_->add(document, How::kPutNew, cancel);
}

void Inserter::on_duplicate(std::function<void(ByteView)> visit) {
  state_->duplicate = std::move(visit);
}

Status Inserter::flush(const Cancel& cancel) {
  return state_->flush(cancel);
}

}  // namespace varve::mongo
