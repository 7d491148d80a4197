#pragma once

#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "bson/json.h"
#include "mongo/catalog.h"
#include "mongo/cursor.h"
#include "mongo/target.h"
#include "mongo/testing/json.h"
#include "mongo/topology.h"

namespace varve::mongo::testing {

inline constexpr const char* kDb = "varve_test";

inline std::string text(bson::View document) {
  return bson::to_json(document, bson::JsonMode::kRelaxed);
}

/// A test on the server that VARVE_TEST_MONGODB names: the connection string of somebody who may do everything. It uses
/// the databases varve_test and varve_test2, dropped before and after. Skipped where the variable is not set.
class Server : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* uri = std::getenv("VARVE_TEST_MONGODB");
    if (uri == nullptr) GTEST_SKIP() << "VARVE_TEST_MONGODB names no server";
    auto parsed = Uri::parse(uri);
    ASSERT_TRUE(parsed) << parsed.error().message();
    uri_ = *parsed;
    connection_ = std::make_unique<Connection>(connect());
    drop_databases();
  }
  void TearDown() override {
    if (connection_) drop_databases();
  }

  void drop_databases() {
    for (const char* db : {"varve_test", "varve_test2"}) run(db, R"({"dropDatabase": 1})");
  }

  Connection connect() {
    auto connection = Connection::open(uri_, never_);
    if (!connection) throw std::runtime_error(connection.error().message());
    return std::move(*connection);
  }

  bson::Document run(const std::string& db, const std::string& command) {
    auto reply = connection_->command(db, from_json(command), never_);
    EXPECT_TRUE(reply) << command << ": " << reply.error().message();
    return reply ? std::move(*reply) : bson::Document();
  }

  void fill(const std::string& collection, int count, size_t padding = 100) {
    Inserter inserter(*connection_, {kDb, collection}, {.keep_order = true});
    const std::string pad(padding, 'x');
    for (int i = 0; i < count; ++i) {
      bson::Builder b;
      b.add("_id", int32_t{i}).add("pad", pad);
      const auto status = inserter.add(b.finish().bytes(), never_);
      ASSERT_TRUE(status) << status.error().message();
    }
    const auto status = inserter.flush(never_);
    ASSERT_TRUE(status) << status.error().message();
  }

  Bytes uuid_of(const std::string& collection) {
    const auto catalog = list_catalog(*connection_, never_);
    EXPECT_TRUE(catalog) << catalog.error().message();
    for (const auto& info : catalog->collections) {
      if (info.ns == bson::Namespace{kDb, collection}) return info.uuid;
    }
    ADD_FAILURE() << collection << " is not listed";
    return {};
  }

  ReadSpec by_uuid(const std::string& collection) {
    ReadSpec spec;
    spec.db = kDb;
    spec.collection = collection;
    spec.uuid = uuid_of(collection);
    spec.majority = connection_->in_replica_set();
    if (connection_->in_replica_set()) {
      const auto at = position(*connection_, never_);
      EXPECT_TRUE(wait_for_majority(*connection_, at->applied, std::chrono::seconds(20), never_));
    }
    return spec;
  }

  Result<size_t> count(Cursor& cursor) {
    size_t documents = 0;
    for (bool more = true; more;) {
      TRY_ASSIGN(more, cursor.next(
                           [&](ByteView) -> Status {
                             ++documents;
                             return {};
                           },
                           never_));
    }
    return documents;
  }

  Result<std::vector<bson::Document>> read_all(const ReadSpec& spec) {
    std::vector<bson::Document> documents;
    TRY_ASSIGN(auto cursor, Cursor::open(*connection_, spec, never_));
    for (bool more = true; more;) {
      TRY_ASSIGN(more, cursor.next(
                           [&](ByteView document) -> Status {
                             documents.emplace_back(document);
                             return {};
                           },
                           never_));
    }
    return documents;
  }

  const Cancel never_;
  Uri uri_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace varve::mongo::testing
