"""The plugin's tables. Indico imports every module of this folder."""
