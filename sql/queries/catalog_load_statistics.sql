select catalog.refresh_statistics()
