"""Random documents and random updates of them: every operator, pipelines, replacements, on names and values that are odd."""
import datetime
import random

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from pymongo import InsertOne, ReplaceOne, UpdateMany, UpdateOne

# Among them those that mean something inside of a logged update, and numbers that may be positions.
NAMES = ["a", "b", "d", "i", "l", "s", "u", "sa", "u0", "diff", "0", "1", "2", "10", "01", "ü", "with space", "-", "A"]
FIELDS = ["n", "m", "list", "matrix", "deep", "other", *NAMES]
SIMPLE = ["a", "b", "0", "1", "u"]
IDS = 120


def values(noise, depth=0):
    """A value of any type, the composed ones up to three deep."""
    numbers = [lambda: noise.randrange(-9, 9), lambda: Int64(noise.randrange(-2**40, 2**40)), lambda: noise.uniform(-5, 5),
               lambda: noise.choice([float("nan"), float("inf"), -0.0, 5e-324, 2.0**53]), lambda: Int64(noise.randrange(9)),
               lambda: Decimal128(noise.choice(["1.50", "1E+3", "-0", "NaN", "-Infinity", "7"]))]
    others = [lambda: None, lambda: noise.random() < 0.5, lambda: "t" * noise.randrange(40), lambda: "grüße \U0001f30d",
              lambda: datetime.datetime(2026, 1, 1) + datetime.timedelta(milliseconds=noise.randrange(10**9)), lambda: Timestamp(noise.randrange(9), 1),
              lambda: ObjectId(noise.randbytes(12)), lambda: Binary(noise.randbytes(noise.randrange(9)), noise.choice([0, 5, 128])),
              lambda: Regex("^a", "i"), lambda: Code("f()"), lambda: MinKey(), lambda: MaxKey(), lambda: {}, lambda: []]
    composed = [lambda: [values(noise, depth + 1) for _ in range(noise.randrange(6))],
                lambda: {name: values(noise, depth + 1) for name in noise.sample(NAMES, noise.randrange(5))}]
    return noise.choice(numbers * 2 + others + composed * (4 if depth < 2 else 0))()


class RandomUpdates:
    """`document(id)` and `update()`: one write of a kind that `kind` then names. Some are refused, as people's are."""

    def __init__(self, seed, version):
        self.noise, self.version, self.kind = random.Random(seed), version, None
        self.kinds = [self._operators, self._operators, self._operators, self._operators, self._list, self._list, self._list, self._every_element,
                      self._filtered, self._matched, self._pipeline, self._pipeline, self._lists_by_pipeline, self._replace, self._upsert,
                      self._many, self._rename, self._insert]
        if version >= (5, 0):
            self.kinds.append(self._set_field)

    def document(self, number):
        noise = self.noise
        whole = {"_id": number, "n": noise.randrange(50), "m": values(noise), "list": [noise.randrange(9) for _ in range(noise.randrange(12))],
                 "matrix": [{"k": noise.randrange(4), "v": values(noise), "in": [noise.randrange(3)] * 3} for _ in range(noise.randrange(6))],
                 "deep": {name: {inner: values(noise, 1) for inner in noise.sample(NAMES, 3)} for name in noise.sample(NAMES, 4)},
                 # What is logged of an update depends on how much of the document it is.
                 "filler": "x" * noise.choice([0, 0, 300, 3000])}
        whole.update((name, values(noise)) for name in noise.sample(NAMES, noise.randrange(5)))
        return whole

    def update(self):
        kind = self.noise.choice(self.kinds)
        self.kind = kind.__name__.strip("_")
        return kind()

    def _one(self):
        return {"_id": self.noise.randrange(IDS)}

    def _path(self):
        noise = self.noise
        path = [noise.choice(FIELDS)]
        if path[0] == "deep" or noise.random() < 0.3:
            path += noise.sample(NAMES, noise.randrange(1, 4))
        if path[0] in ("list", "matrix") and noise.random() < 0.6:
            path[1:] = [str(noise.randrange(8))] + (["v"] if path[0] == "matrix" else [])
        return ".".join(path)

    def _operator(self):
        noise = self.noise
        return noise.choice([
            ("$set", lambda: values(noise)), ("$set", lambda: values(noise)), ("$set", lambda: values(noise)), ("$unset", lambda: 1), ("$unset", lambda: ""),
            ("$inc", lambda: noise.choice([1, Int64(2**40), 0.5, Decimal128("0.10"), 2**31 - 1])),
            ("$mul", lambda: noise.choice([2, Int64(3), 1.5, Decimal128("2.0"), 0])), ("$min", lambda: values(noise)), ("$max", lambda: values(noise)),
            ("$currentDate", lambda: noise.choice([True, {"$type": "timestamp"}, {"$type": "date"}])), ("$setOnInsert", lambda: values(noise)),
            ("$bit", lambda: {noise.choice(["and", "or", "xor"]): noise.choice([5, Int64(2**35)])})])

    def _operators(self):
        update = {}
        for _ in range(self.noise.choice([1, 1, 2, 3, 6])):
            operator, value = self._operator()
            update.setdefault(operator, {})[self._path()] = value()
        if self.noise.random() < 0.3:
            update.setdefault("$inc", {})["n"] = 1
        return UpdateOne(self._one(), update)

    def _list(self):
        noise, field = self.noise, self.noise.choice(["list", "list", "matrix", "deep.a", "m", "matrix.0.in"])
        some = [values(noise) for _ in range(noise.randrange(5))]
        push = {"$each": some, **noise.choice([{}, {"$position": noise.randrange(-3, 5)}, {"$slice": noise.randrange(-6, 7)}, {"$sort": 1},
                                               {"$sort": -1, "$slice": 4, "$position": 0}, {"$sort": {"k": 1, "v": -1}}])}
        return UpdateOne(self._one(), noise.choice([
            {"$push": {field: push}}, {"$push": {field: push}}, {"$push": {field: values(noise)}}, {"$addToSet": {field: {"$each": some}}},
            {"$addToSet": {field: noise.randrange(9)}}, {"$pop": {field: noise.choice([-1, 1])}}, {"$pullAll": {field: [1, 2, *some]}},
            {"$pull": {field: noise.choice([{"$gt": 4}, 3, {"k": 1}, {"$in": [0, 5]}])}}, {"$unset": {f"{field}.{noise.randrange(5)}": 1}},
            {"$set": {f"{field}.{noise.randrange(30)}": values(noise)}}]))

    def _every_element(self):
        return UpdateOne(self._one(), self.noise.choice([
            {"$inc": {"list.$[]": 1}}, {"$set": {"matrix.$[].v": values(self.noise)}}, {"$push": {"matrix.$[].in": 4}},
            {"$mul": {"matrix.$[].in.$[]": 2}}, {"$unset": {"matrix.$[].v": 1}}, {"$set": {"list.$[]": values(self.noise)}}]))

    def _filtered(self):
        update, filters = self.noise.choice([
            ({"$set": {"list.$[e]": values(self.noise)}}, [{"e": {"$lt": 4}}]), ({"$inc": {"matrix.$[e].k": 1}}, [{"e.k": {"$gte": 1}}]),
            ({"$set": {"matrix.$[e].in.$[f]": "met"}}, [{"e.k": {"$lt": 3}}, {"f": 1}]), ({"$unset": {"matrix.$[e].in": 1}}, [{"e.k": 2}]),
            ({"$set": {"matrix.$[e].new": values(self.noise)}, "$inc": {"n": 1}}, [{"e.k": {"$exists": True}}])])
        lists = {"list": {"$type": "array"}, "matrix": {"$type": "array"}}
        return UpdateMany({"n": {"$gte": self.noise.randrange(40, 50)}, **lists}, update, array_filters=filters)

    def _matched(self):
        return UpdateOne({**self._one(), "list": {"$gte": self.noise.randrange(9)}}, self.noise.choice([
            {"$set": {"list.$": values(self.noise)}}, {"$inc": {"list.$": 1, "n": 1}}, {"$unset": {"list.$": 1}}]))

    def _pipeline(self):
        noise, literal = self.noise, lambda: {"$literal": values(self.noise)}
        name, other = noise.sample(NAMES[:-6], 2)
        stages = [{"$set": {name: literal(), f"deep.{other}": literal()}}, {"$unset": [name, f"deep.{other}"]},
                  {"$set": {f"deep.{name}.{other}": literal(), "n": {"$add": [{"$size": {"$ifNull": ["$matrix", []]}}, 1]}}},
                  {"$replaceWith": {"$mergeObjects": ["$$ROOT", literal() if noise.random() < 0.1 else {"$literal": {name: 1, "": values(noise)}}]}},
                  {"$set": {"m": "$deep", "deep": {"$literal": {name: {other: values(noise)}}}}}, {"$project": {name: 0}},
                  {"$set": {"when": "$$NOW", "time": "$$CLUSTER_TIME"}}]
        return UpdateOne(self._one(), noise.sample(stages, noise.choice([1, 1, 2])))

    def _lists_by_pipeline(self):
        """Lists that grow, shrink, and change in the middle: what a logged difference can say of them."""
        noise, field = self.noise, self.noise.choice(["list", "matrix"])
        own = {"$cond": [{"$isArray": f"${field}"}, f"${field}", []]}
        return UpdateOne(self._one(), [{"$set": {field: noise.choice([
            {"$concatArrays": [own, {"$literal": [values(noise)]}]}, {"$slice": [own, noise.randrange(1, 6)]}, {"$reverseArray": own},
            {"$map": {"input": own, "as": "e", "in": {"$cond": [{"$eq": ["$$e", 3]}, {"$literal": values(noise)}, "$$e"]}}},
            {"$filter": {"input": own, "as": "e", "cond": {"$ne": ["$$e", 5]}}},
            {"$concatArrays": [{"$slice": [own, 2]}, {"$literal": [{"k": 1, "in": [1, [2, 3]]}]}, {"$slice": [own, -2]}]}])}}])

    def _set_field(self):
        name = self.noise.choice(["with.dot", "$price", "", "a.0", "$", "$v"])
        return UpdateOne(self._one(), [{"$replaceWith": {"$setField": {"field": {"$literal": name}, "input": "$$ROOT", "value": {"$literal": values(self.noise)}}}}])

    def _replace(self):
        one = self._one()
        return ReplaceOne(one, {**self.document(one["_id"])}, upsert=self.noise.random() < 0.2)

    def _upsert(self):
        return UpdateOne({"_id": self.noise.randrange(IDS, 2 * IDS)}, {"$setOnInsert": {"new": values(self.noise)}, "$set": {self._path(): values(self.noise)}},
                         upsert=True)

    def _many(self):
        operator, value = self._operator()
        return UpdateMany({"n": self.noise.randrange(50)}, {operator: {self._path(): value()}})

    def _rename(self):
        old, new = self.noise.sample(["m", "deep.a", "a", "deep.u.0", "other", "0", "ü"], 2)
        return UpdateOne(self._one(), {"$rename": {old: new}})

    def _insert(self):
        return InsertOne(self.document(self.noise.randrange(IDS, 2 * IDS)))
