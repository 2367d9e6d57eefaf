"""What a node's worth is judged by: resolutions (解析量), registrations (注册量) and enterprises, by days of China.

Minutes that workers wrote are summed up to hours and days, a day's event files are looked through for what sums do
not say (de-duplication, flags, distinct clients), and a day that has passed is closed. Whoever asks — the statistics
interface, acceptance, the messages upward — reads these tables and nothing else.
"""
