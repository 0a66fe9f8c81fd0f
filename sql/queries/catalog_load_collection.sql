-- Collections that came another way keep what is known of them.
update catalog.collection
set title = %(title)s, description = %(description)s, licence = %(licence)s, doi = %(doi)s,
    cancer_types = %(cancer_types)s, tumor_locations = %(tumor_locations)s, species = %(species)s,
    subject_count = %(subject_count)s, source_version = %(version)s
where name = %(collection)s and group_name = %(source)s
