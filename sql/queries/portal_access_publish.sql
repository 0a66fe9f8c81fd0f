select access.publish_agreement(%(name)s, %(title)s, %(body)s) as id
