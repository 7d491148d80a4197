#include "job/renamed.h"

#include <algorithm>
#include <set>

namespace varve::job {

namespace {

/// Copies a pipeline, or part of one, with the names of the collections that it reads changed.
class PipelineCopy {
 public:
  PipelineCopy(const bson::Namespace& view, const bson::NamespaceRename& rename) : view_(view), rename_(rename) {}

  /// The name in the view's database under which a collection of it will be found.
  Result<std::string> renamed(std::string_view collection) const {
    const auto read = rename_(bson::Namespace{view_.db, std::string(collection)});
    const auto reader = rename_(view_);
    if (read.db == reader.db) return read.collection;
    return fail(Error(ErrorKind::kInvalidInput, "the view " + view_.text() + " would be " + reader.text() +
                                                    " and read " + read.text() + ", but a view reads its own database")
                    .hint("rename both into one database, or leave the view out with --ns-exclude"));
  }

  /// `named`: the field, if any, that holds a collection's name.
  Status copy(bson::View from, bson::Builder& to, std::string_view named = {}) const {
    auto elements = from.elements();
    while (const auto element = elements.next()) TRY(copy(*element, to, element->name() == named));
    return {};
  }

 private:
  Status copy(const bson::Element& element, bson::Builder& to, bool is_name) const {
    const auto name = element.name();
    if (const auto text = element.as_string(); text && (is_name || name == "$unionWith")) {
      TRY_ASSIGN(const auto other, renamed(*text));
      to.add(name, other);
    } else if (const auto document = element.as_document()) {
      to.open(name);
      TRY(copy(*document, to, name == "$unionWith" ? "coll" : reads(name) ? "from" : ""));
      to.end();
    } else if (const auto array = element.as_array()) {
      to.open_array(name);
      TRY(copy(*array, to));
      to.end();
    } else {
      to.add(element);
    }
    return {};
  }

  static bool reads(std::string_view stage) { return stage == "$lookup" || stage == "$graphLookup"; }

  const bson::Namespace& view_;
  const bson::NamespaceRename& rename_;
};

}  // namespace

Result<bson::Document> rename_in_view(const bson::Namespace& view, bson::View options,
                                      const bson::NamespaceRename& rename) {
  const PipelineCopy copy(view, rename);
  bson::Builder out;
  TRY(copy.copy(options, out, "viewOn"));
  return out.finish();
}

Status check_new_name(const bson::Namespace& old_name, const bson::Namespace& new_name,
                      const std::vector<int>& server_version) {
  constexpr size_t kMaxDatabase = 63;
  const size_t longest = server_version < std::vector{4, 4} ? 120 : 255;
  if (old_name == new_name) return {};
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorKind::kInvalidInput, old_name.text() + " cannot be renamed to \"" + new_name.text() +
                                              "\": " + why + "; nothing was written");
  };
  const auto logical = bson::logical(new_name);
  if (new_name.db.empty() || logical.collection.empty()) return refuse("that is no DATABASE.COLLECTION");
  if (new_name.db == "local" || new_name.db == "config") return refuse("that database is the server's own");
  if (new_name.db.find_first_of(std::string_view("/\\ \"$\0", 6)) != std::string::npos ||
      new_name.db.size() > kMaxDatabase) {
    return refuse("no server takes a database of that name");
  }
  if (logical.collection.starts_with("system.") && bson::logical(old_name).collection != logical.collection) {
    return refuse("names that begin with system. are the server's own");
  }
  if (logical.collection.find('$') != std::string::npos || logical.collection.find('\0') != std::string::npos ||
      logical.collection.front() == '.' || new_name.text().size() > longest) {
    return refuse("no server takes a collection of that name");
  }
  return {};
}

std::vector<std::string> databases_of_rights(bson::View user_or_role) {
  std::set<std::string> databases;
  const auto add = [&](std::string_view array_name, std::string_view path) {
    const auto array = user_or_role.array(array_name);
    if (!array) return;
    auto entries = array->elements();
    while (const auto entry = entries.next()) {
      const auto document = entry->as_document();
      const auto db = document ? document->string(path) : std::nullopt;
      if (db && !db->empty()) databases.emplace(*db);
    }
  };
  add("roles", "db");
  add("privileges", "resource.db");
  return {databases.begin(), databases.end()};
}

}  // namespace varve::job
