#include "job/version_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "base/parse.h"
#include "job/plain_filter.h"

namespace varve::job {

namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 26> kIndexOptions = {"v",
                                                            "key",
                                                            "name",
                                                            "ns",
                                                            "background",
                                                            "unique",
                                                            "sparse",
                                                            "hidden",
                                                            "weights",
                                                            "storageEngine",
                                                            "expireAfterSeconds",
                                                            "textIndexVersion",
                                                            "min",
                                                            "max",
                                                            "bits",
                                                            "bucketSize",
                                                            "2dsphereIndexVersion",
                                                            "default_language",
                                                            "collation",
                                                            "clustered",
                                                            "dropDups",
                                                            "safe",
                                                            "language_override",
                                                            "partialFilterExpression",
                                                            "wildcardProjection",
                                                            "originalSpec"};  // of a time-series' buckets
/// Of collections: what 4.2 knows already, internal marks that no create gets, and what has rules of its own below.
constexpr std::array<std::string_view, 21> kCollectionOptions = {"capped",
                                                                 "size",
                                                                 "max",
                                                                 "autoIndexId",
                                                                 "flags",
                                                                 "temp",
                                                                 "uuid",
                                                                 "recordIdsReplicated",
                                                                 "storageEngine",
                                                                 "indexOptionDefaults",
                                                                 "validator",
                                                                 "validationLevel",
                                                                 "validationAction",
                                                                 "collation",
                                                                 "viewOn",
                                                                 "pipeline",
                                                                 "timeseries",
                                                                 "clusteredIndex",
                                                                 "expireAfterSeconds",
                                                                 "encryptedFields",
                                                                 "changeStreamPreAndPostImages"};
constexpr std::array<std::string_view, 2> kFinerGeo = {"coarsestIndexedLevel", "finestIndexedLevel"};
constexpr std::array<std::string_view, 4> kTimeSeriesOptions = {"timeField", "metaField", "granularity",
                                                                "bucketMaxSpanSeconds"};
constexpr std::array<std::string_view, 5> kPlugins = {"text", "2d", "2dsphere", "hashed", "geoHaystack"};
constexpr int64_t kNewestTextOrGeo = 3;

bool one_of(std::string_view name, Names names) {
  return std::ranges::find(names, name) != names.end();
}

bool is_number(const bson::Element& value) {
  return value.as_double().has_value() || value.type() == bson::Type::kDecimal128;
}

/// Old servers took any value for "ascending"; none does since 3.4.
bool means_ascending(const bson::Element& value) {
  if (const auto number = value.as_double()) return *number == 0 || std::isnan(*number);
  if (const auto text = value.as_string()) return text->empty();
  return !is_number(value);
}

class Translator {
 public:
  Translator(const collection::CollectionEntry& entry, const std::string& name, const Versions& versions)
      : entry_(entry), name_(name), versions_(versions) {}

  Translated run(bson::View options) {
    if (versions_.to < std::vector{4, 4} && name_.size() > 120) {
      refuse("its name is longer than 120 bytes");
      out_.taken = false;
    }
    translate_options(options);
    for (const auto& index : entry_.indexes) translate_index(index);
    return std::move(out_);
  }

 private:
  bool older_than(int major, int minor) const { return versions_.to < std::vector{major, minor}; }
  bool goes_back() const { return versions_.to < versions_.from; }

  void refuse(const std::string& what) {
    out_.refused.push_back(fmt::format("{}: {}, which MongoDB {} cannot take", name_, what, versions_.to_text));
  }
  void refuse_whole(const std::string& what) {
    refuse(what);
    out_.taken = false;
  }
  void tell(const std::string& what) { out_.changed.push_back(name_ + ": " + what); }

  void translate_options(bson::View options) {
    if (entry_.type == "timeseries" && older_than(5, 0)) return refuse_whole("it is a time-series");
    // A dump may not tell its version.
    const bool compressed = (versions_.from.empty() || versions_.from >= std::vector{5, 2}) && older_than(5, 2);
    if (entry_.type == "timeseries" && compressed) return refuse_whole("it is a time-series with compressed buckets");
    const bool clustered = options.document("clusteredIndex").has_value();
    bson::Builder out;
    auto elements = options.elements();
    while (const auto option = elements.next()) {
      const bool with_cluster = clustered && option->name() == "expireAfterSeconds";
      if (with_cluster && older_than(5, 3)) continue;
      translate_option(*option, out);
    }
    out_.options = out.finish();
  }

  void translate_option(const bson::Element& option, bson::Builder& out) {
    const auto name = option.name();
    if (name == "clusteredIndex" && option.as_document() && older_than(5, 3)) return refuse("it is clustered");
    if (name == "encryptedFields" && older_than(6, 0)) return refuse("it has encrypted fields (encryptedFields)");
    if (name == "recordPreImages") return translate_pre_images(option, out);
    if (name == "changeStreamPreAndPostImages" && older_than(6, 0)) {
      const auto document = option.as_document();
      if (document && document->truthy("enabled"))
        refuse("it keeps images for change streams (" + std::string(name) + ")");
      return;
    }
    if (name == "timeseries" && older_than(6, 3)) check_time_series(option);
    if (name == "validationAction" && option.as_string() == "errorAndLog" && older_than(8, 1)) {
      return refuse("its validationAction is errorAndLog");
    }
    if (!one_of(name, kCollectionOptions)) return unknown_option(option, out);
    out.add(option);
  }

  /// Old servers kept any word with a collection. A newer server's may have a meaning, and so may one in a dump that
  /// does not tell its version.
  void unknown_option(const bson::Element& option, bson::Builder& out) {
    const bool old = !versions_.from.empty() && versions_.from < std::vector{3, 6};
    if (old) return tell(fmt::format("it is made without the option {}, which no server knows", option.name()));
    if (versions_.from.empty() || goes_back()) return refuse(fmt::format("it has the option {}", option.name()));
    out.add(option);
  }

  /// The same in the words of 6.0: a change stream may ask for documents as they were.
  void translate_pre_images(const bson::Element& option, bson::Builder& out) {
    if (!option.truthy()) {
      if (!older_than(4, 4) && older_than(6, 0)) out.add(option);
      return;
    }
    if (older_than(4, 4)) return refuse("it keeps images for change streams (recordPreImages)");
    if (older_than(6, 0)) return void(out.add(option));
    out.open("changeStreamPreAndPostImages").add("enabled", true).end();
    tell("recordPreImages has become changeStreamPreAndPostImages");
  }

  void check_time_series(const bson::Element& option) {
    const auto document = option.as_document();
    if (!document) return;
    auto elements = document->elements();
    while (const auto element = elements.next()) {
      if (!one_of(element->name(), kTimeSeriesOptions)) {
        return refuse_whole(fmt::format("it is a time-series with the option {}", element->name()));
      }
    }
  }

  void translate_index(const bson::Document& index) {
    const auto view = index.view();
    const std::string label = fmt::format("its index \"{}\"", view.string("name").value_or(""));
    if (const auto why = unknown_kind(view); !why.empty()) return refuse(fmt::format("{} {}", label, why));
    bson::Builder out;
    auto elements = view.elements();
    while (const auto option = elements.next()) {
      if (!translate_index_option(*option, label, view, out)) return;
    }
    out_.indexes.push_back(out.finish());
  }

  /// Why the whole index is none that the target has; "" if it may have it.
  std::string unknown_kind(bson::View index) const {
    const auto key = index.document("key");
    if (!key) return "has no key";
    bool wildcard = false, hashed = false;
    size_t fields = 0;
    auto elements = key->elements();
    while (const auto field = elements.next()) {
      ++fields;
      const auto plugin = field->as_string();
      wildcard |= field->name() == "$**" || field->name().ends_with(".$**");
      hashed |= plugin == "hashed";
      if (plugin == "geoHaystack" && !older_than(5, 0)) return "is a geoHaystack";
      if (plugin && !plugin->empty() && !one_of(*plugin, kPlugins) && (goes_back() || older_than(7, 0))) {
        return fmt::format("is of the kind \"{}\"", *plugin);
      }
    }
    const bool text = index.find("textIndexVersion").has_value();
    if (wildcard && fields > 1 && !text && older_than(7, 0)) return "is a wildcard over several fields";
    if (hashed && fields > 1 && older_than(4, 4)) return "is a hashed one of several fields";
    for (const char* version : {"textIndexVersion", "2dsphereIndexVersion"}) {
      if (index.int64(version).value_or(0) > kNewestTextOrGeo && older_than(8, 0)) {
        return fmt::format("has the {} {}", version, *index.int64(version));
      }
    }
    return "";
  }

  /// False where the index would be another without that option.
  bool translate_index_option(const bson::Element& option, const std::string& label, bson::View index,
                              bson::Builder& out) {
    const auto name = option.name();
    const bool since = name == "hidden" ? older_than(4, 4) : name == "prepareUnique" && older_than(6, 0);
    if (since && !option.truthy()) return true;
    if (since) {
      refuse(fmt::format("{} has the option {}", label, name));
      return false;
    }
    if (name == "v" && option.as_int64() == 0) return true;  // how keys lie on disk; none is built that way any more
    if (name == "partialFilterExpression" && option.as_document() && older_than(6, 0)) {
      return add_filter(option, label, out);
    }
    if (name == "key") {
      add_key(option, label, out);
    } else if (name == "name" && option.as_string() == "") {
      out.add("name", usual_name(index));
      tell("its index without a name is called " + usual_name(index));
    } else if ((name == "unique" || name == "sparse") && !option.as_bool() && !is_number(option)) {
      const bool off = option.type() == bson::Type::kNull || option.type() == bson::Type::kUndefined;
      out.add(name, !off);  // as all servers read it
    } else if (name == "prepareUnique" || one_of(name, kIndexOptions) || one_of(name, kFinerGeo)) {
      out.add(option);
    } else {
      return unknown_index_option(option, label, out);
    }
    return true;
  }

  /// Servers before 3.4 kept any word with an index, and none has a meaning; a newer server's may have one.
  bool unknown_index_option(const bson::Element& option, const std::string& label, bson::Builder& out) {
    if (versions_.from < std::vector{6, 1}) {
      tell(fmt::format("{} is built without {}, which no server knows", label, option.name()));
      return true;
    }
    if (!goes_back()) {
      out.add(option);
      return true;
    }
    refuse(fmt::format("{} has the option {}", label, option.name()));
    return false;
  }

  bool add_filter(const bson::Element& option, const std::string& label, bson::Builder& out) {
    const auto older = plain_filter(*option.as_document());
    if (!older.filter) {
      refuse(fmt::format("{} has {} in its {}", label, older.not_taken, option.name()));
      return false;
    }
    out.add(option.name(), older.filter->view());
    if (!std::ranges::equal(older.filter->bytes(), option.as_document()->bytes())) {
      tell(fmt::format("{} has its {} without nested operators, which pick the same documents", label, option.name()));
    }
    return true;
  }

  void add_key(const bson::Element& option, const std::string& label, bson::Builder& out) {
    const auto key = option.as_document();
    bool changed = false;
    bson::Builder fields;
    auto elements = key->elements();
    while (const auto field = elements.next()) {
      if (means_ascending(*field)) {
        fields.add(field->name(), int32_t{1});
        changed = true;
      } else {
        fields.add(*field);
      }
    }
    out.add("key", fields.finish().view());
    if (changed) tell(label + " has values in its key that mean 1, and is built with 1");
  }

  /// As servers name an index by themselves.
  static std::string usual_name(bson::View index) {
    std::string name;
    const auto key = index.document("key");
    auto elements = key->elements();
    while (const auto field = elements.next()) {
      const auto plugin = field->as_string();
      const auto value = means_ascending(*field) ? "1"
                         : plugin                ? std::string(*plugin)
                                                 : fmt::format("{}", field->as_double().value_or(1));
      name += fmt::format("{}{}_{}", name.empty() ? "" : "_", field->name(), value);
    }
    return name;
  }

  const collection::CollectionEntry& entry_;
  const std::string& name_;
  const Versions& versions_;
  Translated out_;
};

}  // namespace

std::vector<int> version_numbers(std::string_view text) {
  std::vector<int> numbers;
  while (!text.empty()) {
    const auto dot = text.find('.');
    const auto number = parse_number<int>(text.substr(0, dot));
    if (!number) break;
    numbers.push_back(*number);
    text = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  }
  return numbers;
}

std::string server_name(const std::string& version) {
  if (version.empty() || version == "unknown") return "MongoDB of an unknown version";  // the word of a prelude
  return version_numbers(version).empty() ? version : "MongoDB " + version;
}

Translated translate(const collection::CollectionEntry& entry, bson::View options, const std::string& name,
                     const Versions& versions) {
  return Translator(entry, name, versions).run(options);
}

}  // namespace varve::job
