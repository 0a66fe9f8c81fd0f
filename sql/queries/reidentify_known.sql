select id, cardinality(subjects) as subject_count from broker.request where dag_run = %(dag_run)s;
