#!/usr/bin/env python3
"""usage: record.py URI MONGODUMP: writes catalog.bson and FILE.metadata.json here, from a scratch server at URI.

catalog.bson holds, for every collection, {file, info, indexes}: what mongodump named its file, what listCollections and
listIndexes answered. The metadata files are mongodump's own. Needs pymongo.
"""
import datetime, pathlib, shutil, subprocess, sys, tempfile

import bson, bson.json_util, pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

DB = 'varve_record'
uri, mongodump = sys.argv[1:]
here = pathlib.Path(__file__).parent
client = pymongo.MongoClient(uri)
client.drop_database(DB)
db = client[DB]

for name in ['plain', 'sp ace', 'per%cent', 'sl/ash', 'q"uote', 'uni\u00e9\u2603', 'nl\nx', 'plus+and~tilde',
             'long' + 'x' * 150, 'long' + '\u2603' * 40, 'system_like.dots', 'html<>&', 'sep\u2028x']:
    db[name].insert_one({'_id': 1})
db.create_collection('capped', capped=True, size=4096, max=10)
db.create_collection('view', viewOn='plain', pipeline=[{'$match': {'a': {'$gt': 1.5}, 'when': datetime.datetime(2020, 1, 1)}}])
db.create_collection('collated', collation={'locale': 'en', 'strength': 2})
db.create_collection('valid', validator={'a': {'$type': 'int'}, 'b': {'$regex': '^x'}}, validationLevel='moderate')
db.create_collection('clustered', clusteredIndex={'key': {'_id': 1}, 'unique': True})
db.create_collection('readings', timeseries={'timeField': 't', 'metaField': 'm'}, expireAfterSeconds=3600)
i = db.indexed
i.create_index([('a', 1), ('b.c', -1)], name='two', unique=True, sparse=True)
i.create_index('ttl', expireAfterSeconds=60)
i.create_index([('t', 'text')], weights={'t': 3})
i.create_index([('loc', '2dsphere')])
i.create_index([('h', 'hashed')])
i.create_index([('$**', 1)], wildcardProjection={'x': 1})
i.create_index('p', partialFilterExpression={'p': {'$gt': 5, '$lt': 10.0}, 'q': bson.Int64(2**40)})

with tempfile.TemporaryDirectory() as out:
    subprocess.run([mongodump, '--quiet', f'--uri={uri}', f'--db={DB}', f'--out={out}'], check=True)
    files = {}
    for old in here.glob('*.metadata.json'): old.unlink()
    for file in pathlib.Path(out, DB).glob('*.metadata.json'):
        files[bson.json_util.loads(file.read_text())['collectionName']] = file.name.removesuffix('.metadata.json')
        shutil.copy(file, here)

raw = client.get_database(DB, codec_options=CodecOptions(document_class=RawBSONDocument))
with open(here / 'catalog.bson', 'wb') as catalog:
    for info in raw.command('listCollections')['cursor']['firstBatch']:
        if info['name'] not in files: continue
        indexes = [] if info['type'] == 'view' else raw.command('listIndexes', info['name'])['cursor']['firstBatch']
        catalog.write(bson.encode({'file': files[info['name']], 'info': info, 'indexes': list(indexes)}))
client.drop_database(DB)
